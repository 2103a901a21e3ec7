"""HubSpot's signatures of webhooks.

https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

# The only escapes that HubSpot undoes in the address before it signs.
UNESCAPED = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)


def signature_v1(secret: str, body: bytes) -> str:
    """Hex SHA-256 of secret and body."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def signature_v3(secret: str, url: str, body: bytes, timestamp: str) -> str:
    """Base64 HMAC-SHA256 of a POST; `timestamp` is in milliseconds."""
    address = UNESCAPED.sub(lambda found: chr(int(found[1], 16)), url)
    signed = b"POST" + address.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
