"""Keys of webhooks, and x-siqsignature as SalesIQ makes it."""

from __future__ import annotations

import base64
from typing import cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


def new_key() -> str:
    """A fresh RSA key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _private(pem: str) -> rsa.RSAPrivateKey:
    return cast(rsa.RSAPrivateKey, load_pem_private_key(pem.encode(), None))


def public_key(pem: str, form: str = "base64") -> str:
    """The public half: bare Base64 of its DER, or with `pem` the same in its usual wrapping."""
    key = _private(pem).public_key()
    if form == "pem":
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def siq_signature(pem: str, body: bytes) -> str:
    """Base64 of RSA PKCS#1 v1.5 with SHA-256 over the raw body."""
    return base64.b64encode(_private(pem).sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()
