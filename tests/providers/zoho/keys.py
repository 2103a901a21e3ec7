"""A key pair of our own, to sign as Zoho does."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from providers.types import WebhookRequest
from tests.providers.fakes import START

PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey = PRIVATE) -> str:
    """The public half as PEM."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def bare(key: rsa.RSAPrivateKey = PRIVATE) -> str:
    """The public half as bare Base64."""
    public = key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def signature(body: bytes, key: rsa.RSAPrivateKey = PRIVATE) -> str:
    """SHA256withRSA as Base64."""
    return base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


def signed(body: bytes, key: rsa.RSAPrivateKey = PRIVATE) -> WebhookRequest:
    """The webhook as Zoho sends it."""
    return WebhookRequest(
        method="POST",
        url="https://bridge.example.com/webhooks/zoho/token",
        headers={"x-siqsignature": signature(body, key), "content-type": "application/json"},
        body=body,
        received_at=START,
    )
