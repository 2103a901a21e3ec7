"""X-Hub-Signature, as Intercom signs its webhooks."""

import hashlib
import hmac


def hub_signature(secret: str, body: bytes) -> str:
    """`sha1=` and the hex HMAC-SHA1 of the raw body under the app's client secret."""
    return "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
