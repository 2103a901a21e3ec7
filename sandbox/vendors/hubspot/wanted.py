"""Bodies of requests, after HubSpot's published descriptions: wrong types are refused.

Where the documents know better than the descriptions (capabilities, partial PATCH), they win.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

IdentifierType = Literal[
    "CHANNEL_SPECIFIC_OPAQUE_ID", "HS_EMAIL_ADDRESS", "HS_PHONE_NUMBER", "HS_SHORT_CODE"
]


class Wanted(BaseModel):
    """Unknown fields are ignored; null is nowhere allowed."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


# --- channels -------------------------------------------------------------------------------


class ChannelCreate(Wanted):
    name: str = Field(min_length=1)
    capabilities: dict[str, Any]
    webhook_url: str = ""
    channel_account_connection_redirect_url: str = ""
    channel_description: str = ""
    channel_logo_url: str = ""


class ChannelPatch(Wanted):
    """Optional texts may be taken away with null."""

    name: str | None = None
    capabilities: dict[str, Any] | None = None
    webhook_url: str | None = None
    channel_account_connection_redirect_url: str | None = None
    channel_description: str | None = None
    channel_logo_url: str | None = None


class DeliveryIdentifier(Wanted):
    type: IdentifierType
    value: str = Field(min_length=1)


class AccountCreate(Wanted):
    inbox_id: str
    name: str = Field(min_length=1)
    authorized: bool
    delivery_identifier: DeliveryIdentifier | None = None


class AccountPatch(Wanted):
    name: str = ""
    authorized: bool | None = None


class StagingPatch(Wanted):
    account_name: str = ""
    delivery_identifier: DeliveryIdentifier | None = None


# --- messages -------------------------------------------------------------------------------


class Participant(Wanted):
    delivery_identifier: DeliveryIdentifier
    name: str = ""
    sender_actor_id: str = ""


class FileAttachment(Wanted):
    type: Literal["FILE"]
    file_id: str
    file_usage_type: Literal["AUDIO", "IMAGE", "OTHER", "STICKER", "VOICE_RECORDING"] = "OTHER"


class Location(Wanted):
    type: Literal["LOCATION"]
    latitude: float
    longitude: float
    name: str = ""
    address: str = ""
    url: str = ""


class QuickReply(Wanted):
    value: str
    value_type: Literal["TEXT", "URL"]
    label: str = ""


class QuickReplies(Wanted):
    type: Literal["QUICK_REPLIES"]
    quick_replies: list[QuickReply]


class ContactProfile(Wanted):
    addresses: list[dict[str, Any]]
    emails: list[dict[str, Any]]
    phones: list[dict[str, Any]]
    urls: list[dict[str, Any]]
    name: dict[str, Any] = {}
    org: dict[str, Any] = {}


class ContactCard(Wanted):
    type: Literal["CONTACT"]
    contact_profile: ContactProfile


class Unsupported(Wanted):
    type: Literal["UNSUPPORTED_CONTENT"]


class MessageHeader(Wanted):
    type: Literal["MESSAGE_HEADER"]
    file_id: int = 0
    text: str = ""


class SocialMetadata(Wanted):
    type: Literal["SOCIAL_MEDIA_METADATA"]
    social_metadata: dict[str, Any]


Attachment = Annotated[
    FileAttachment
    | Location
    | QuickReplies
    | ContactCard
    | Unsupported
    | MessageHeader
    | SocialMetadata,
    Field(discriminator="type"),
]


class MessageEgg(Wanted):
    """A message from outside."""

    attachments: list[Attachment]
    channel_account_id: str
    message_direction: Literal["INCOMING", "OUTGOING"]
    recipients: list[Participant] = Field(min_length=1)
    senders: list[Participant] = Field(min_length=1)
    text: str
    timestamp: datetime
    rich_text: str = ""
    integration_thread_id: str = ""
    integration_idempotency_id: str = ""
    in_reply_to_id: str = ""
    associate_with_contact_id: int = 0


class MessageStatus(Wanted):
    status_type: Literal["FAILED", "READ", "SENT"]
    error_message: str = ""


# --- threads --------------------------------------------------------------------------------


class ThreadPatch(Wanted):
    status: Literal["CLOSED", "OPEN"] | None = None
    archived: bool | None = None


class Assign(Wanted):
    actor_id: str


class ThreadFile(Wanted):
    type: Literal["FILE"]
    file_id: str


ThreadAttachment = Annotated[
    ThreadFile | QuickReplies | SocialMetadata, Field(discriminator="type")
]


class Comment(Wanted):
    """A comment, which only agents see."""

    type: Literal["COMMENT"]
    text: str
    attachments: list[ThreadAttachment]
    rich_text: str = ""


class RecipientEgg(Wanted):
    delivery_identifiers: list[DeliveryIdentifier]
    delivery_identifier: DeliveryIdentifier | None = None
    actor_id: str = ""
    name: str = ""
    recipient_field: str = ""


class Reply(Wanted):
    """An agent's message, sent by an app in the agent's name."""

    type: Literal["MESSAGE"]
    text: str
    attachments: list[ThreadAttachment]
    recipients: list[RecipientEgg]
    sender_actor_id: str
    channel_id: str
    channel_account_id: str
    rich_text: str = ""
    subject: str = ""


class ThreadMessage(Wanted):
    """Either of the two; only its type is read first."""

    type: Literal["COMMENT", "MESSAGE"]


class Inputs(Wanted):
    inputs: list[str]


class Properties(Wanted):
    properties: dict[str, str | int | float | bool]


# --- webhook configuration ------------------------------------------------------------------


class Throttling(Wanted):
    max_concurrent_requests: int = Field(ge=1)


class HookSettings(Wanted):
    target_url: str
    throttling: Throttling


class Subscription(Wanted):
    event_type: str
    active: bool
    property_name: str = ""
    object_type_id: str = ""


class SubscriptionPatch(Wanted):
    active: bool | None = None
