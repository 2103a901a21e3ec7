"""How each help desk signs, and how to tell by ourselves whether a webhook is rightly signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PAYLOADS = Path(__file__).resolve().parent.parent.parent / "tests/providers/payloads"
SECRET = "fuzz-client-secret-0123456789"  # noqa: S105 - of a made-up account
Headers = dict[str, str]


class Vendor(ABC):
    """One help desk's way."""

    slug: str
    header: str  # that the signature is in
    signs = True  # the body as it is; if not, one that can't be read is refused as well

    def __init__(self) -> None:
        files = sorted((PAYLOADS / self.slug).glob("*.json"))
        self.corpus = [file.read_bytes() for file in files]
        if not self.corpus:
            raise RuntimeError(f"no payloads of {self.slug}")

    def columns(self) -> dict[str, Any]:
        """Of the installation."""
        return {"credentials": {"client_secret": SECRET}}

    def prepared(self, body: bytes) -> bytes:
        """The corpus's body as our account would get it."""
        return body

    @abstractmethod
    def sign(self, url: str, body: bytes) -> Headers:
        """The headers of a rightly signed webhook."""

    @abstractmethod
    def is_right(self, url: str, body: bytes, headers: Headers) -> bool:
        """Whether it is rightly signed: reckoned anew, not asked of the product."""


class Intercom(Vendor):
    slug, header = "intercom", "X-Hub-Signature"

    def sign(self, url: str, body: bytes) -> Headers:
        return {self.header: "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()}

    def is_right(self, url: str, body: bytes, headers: Headers) -> bool:
        return headers.get(self.header) == self.sign(url, body)[self.header]


class HubSpot(Vendor):
    slug, header = "hubspot", "X-HubSpot-Signature-v3"
    stamp = "X-HubSpot-Request-Timestamp"

    def sign(self, url: str, body: bytes, stamp: str = "") -> Headers:
        stamp = stamp or str(int(time.time() * 1000))
        signed = b"POST" + url.encode() + body + stamp.encode()
        digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
        return {self.header: base64.b64encode(digest).decode(), self.stamp: stamp}

    def is_right(self, url: str, body: bytes, headers: Headers) -> bool:
        stamp = headers.get(self.stamp, "")
        if not stamp.isdigit() or abs(int(stamp) / 1000 - time.time()) > 300:
            return False
        return headers.get(self.header) == self.sign(url, body, stamp)[self.header]


class LiveChat(Vendor):
    slug, header, signs = "livechat", "X-None", False

    def columns(self) -> dict[str, Any]:
        return {
            "credentials": {"client_secret": "c", "webhook_secret": SECRET},
            "state": {"webhook_secret": SECRET},
        }

    def prepared(self, body: bytes) -> bytes:
        return json.dumps({**json.loads(body), "secret_key": SECRET}).encode()

    def sign(self, url: str, body: bytes) -> Headers:
        return {}

    def is_right(self, url: str, body: bytes, headers: Headers) -> bool:
        try:
            return bool(json.loads(body)["secret_key"] == SECRET)
        except (ValueError, TypeError, KeyError, RecursionError):
            return False


class Zoho(Vendor):
    slug, header = "zoho", "X-SIQSignature"

    def __init__(self) -> None:
        super().__init__()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def columns(self) -> dict[str, Any]:
        public = self._key.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return {"credentials": {"client_secret": "c", "webhook_public_key": pem}}

    def sign(self, url: str, body: bytes) -> Headers:
        signed = self._key.sign(body, padding.PKCS1v15(), hashes.SHA256())
        return {self.header: base64.b64encode(signed).decode()}

    def is_right(self, url: str, body: bytes, headers: Headers) -> bool:
        try:
            given = base64.b64decode(headers.get(self.header, ""), validate=True)
            self._key.public_key().verify(given, body, padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, InvalidSignature):
            return False
        return True


VENDORS: dict[str, type[Vendor]] = {one.slug: one for one in (HubSpot, Intercom, LiveChat, Zoho)}
