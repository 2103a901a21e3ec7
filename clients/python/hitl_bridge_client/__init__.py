"""Client of the HITL bridge: hand a chat over to a human at a help desk, and back.

bridge = Bridge("https://bridge.example.com", key)
user = bridge.create_user("Ana")
session = bridge.start_hitl(user, title="Refund")
bridge.send_text(session["conversationId"], "Hello?", user_id=user)
for event in bridge.follow(session["conversationId"]):
    print(event.type, event.text)
"""

from hitl_bridge_client.callbacks import verify_callback
from hitl_bridge_client.client import Bridge
from hitl_bridge_client.errors import (
    ApiError,
    BridgeError,
    Conflict,
    Forbidden,
    InternalError,
    InvalidRequest,
    InvalidSignature,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from hitl_bridge_client.events import Event

__all__ = [
    "ApiError",
    "Bridge",
    "BridgeError",
    "Conflict",
    "Event",
    "Forbidden",
    "InternalError",
    "InvalidRequest",
    "InvalidSignature",
    "NotFound",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "verify_callback",
]
