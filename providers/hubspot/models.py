"""HubSpot's JSON, as far as the bridge reads it; unknown fields are ignored."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from providers.types import storable
from providers.values import ListOf, Text, number_or_text

AGENT = re.compile(r"A-[A-Za-z0-9]{1,60}")
LATEST = 2**42  # milliseconds; the year 2109
ID_PATTERN = "^[!-~]"  # printable ASCII without spaces; what is in an id is nowhere documented


def _loose_text(value: Any) -> Any:
    """The text, if it is one: some fields are now a text, now an object."""
    return storable(value) if isinstance(value, str) else ""


def _moment(value: Any) -> datetime | None:
    """ISO 8601 or milliseconds; None for anything else, since no event hangs on its time."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < LATEST:
        return datetime.fromtimestamp(value / 1000, UTC)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


LooseText = Annotated[str, BeforeValidator(_loose_text)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
Id = Annotated[
    str,
    BeforeValidator(number_or_text),
    StringConstraints(max_length=100, pattern=ID_PATTERN + "+$"),
]
OptionalId = Annotated[
    str,
    BeforeValidator(number_or_text),
    StringConstraints(max_length=100, pattern=ID_PATTERN + "*$"),
]


class Model(BaseModel):
    model_config = ConfigDict(
        extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True
    )


# --- threads --------------------------------------------------------------------------------


class Identifier(Model):
    type: Text = ""
    value: Text = ""


class Party(Model):
    """A sender or recipient."""

    actor_id: Text = ""
    name: Text = ""
    delivery_identifier: Identifier | Text | None = None

    @property
    def address(self) -> str:
        identifier = self.delivery_identifier
        return identifier.value if isinstance(identifier, Identifier) else identifier or ""


class Attachment(Model):
    type: Text = ""
    file_id: OptionalId = ""
    name: Text = ""
    url: Text = ""
    file_usage_type: Text = ""


class Message(Model):
    """Anything on a thread: MESSAGE, COMMENT, ASSIGNMENT, THREAD_STATUS_CHANGE, ..."""

    id: Id
    type: LooseText = "MESSAGE"
    conversations_thread_id: OptionalId = ""
    channel_id: OptionalId = ""
    created_at: Moment = None
    created_by: Text = ""
    direction: LooseText = ""
    senders: ListOf[Party] = []
    text: Text = ""
    rich_text: Text = ""
    truncation_status: LooseText = ""
    attachments: ListOf[Attachment] = []
    assigned_to: Text = ""
    new_status: LooseText = ""

    @property
    def truncated(self) -> bool:
        return self.truncation_status.startswith("TRUNCATED")

    @property
    def agent_id(self) -> str:
        """The user who wrote it; empty if it was an integration, a bot, HubSpot or a visitor."""
        writers = [sender.actor_id for sender in self.senders if sender.actor_id]
        writer = writers[0] if writers else self.created_by
        return writer if AGENT.fullmatch(writer) and not self._by_machine else ""

    @property
    def _by_machine(self) -> bool:
        return bool(self.created_by) and not AGENT.fullmatch(self.created_by)


class Content(Model):
    text: Text = ""
    rich_text: Text = ""


class Associations(Model):
    associated_ticket_id: OptionalId = ""


class Thread(Model):
    id: Id
    status: LooseText = ""
    archived: bool | None = False
    assigned_to: LooseText = ""
    created_at: Moment = None
    closed_at: Moment = None
    latest_message_timestamp: Moment = None
    original_channel_account_id: OptionalId = ""
    thread_associations: Associations | None = None


# --- the account ----------------------------------------------------------------------------


class Grant(BaseModel):
    access_token: Text
    refresh_token: Text = ""
    expires_in: float | None = None
    hub_id: OptionalId = ""


class TokenInfo(BaseModel):
    active: bool | None = True
    hub_id: Id
    app_id: OptionalId = ""
    hub_domain: Text = ""
    user: Text = ""
    scopes: ListOf[Text] = []


class Inbox(Model):
    id: Id
    name: Text = ""
    type: Text = ""
    archived: bool | None = False


class Channel(Model):
    id: Id
    name: Text = ""
    webhook_url: Text = ""
    capabilities: dict[str, Any] | None = None


class ChannelAccount(Model):
    id: Id
    inbox_id: OptionalId = ""
    authorized: bool | None = True
    archived: bool | None = False
    delivery_identifier: Identifier | Text | None = None

    @property
    def identifier(self) -> str:
        identifier = self.delivery_identifier
        return identifier.value if isinstance(identifier, Identifier) else identifier or ""


class Actor(Model):
    id: Text
    type: Text = ""
    name: Text = ""
    email: Text = ""
    avatar: Text = ""


class File(Model):
    id: Id


class SignedUrl(Model):
    url: Text


# --- webhooks -------------------------------------------------------------------------------


class ChannelEvent(Model):
    """What goes to a channel's webhookUrl."""

    type: Text
    portal_id: OptionalId = ""
    event_timestamp: Moment = None
    message: Message | None = None


class SubscriptionEvent(Model):
    """One element of what goes to an app's target URL."""

    subscription_type: LooseText = ""
    event_type: LooseText = ""  # the guide's name of the same
    portal_id: OptionalId = ""
    object_id: Id
    occurred_at: Moment = None
    property_name: LooseText = ""
    property_value: Any = None
    message_id: OptionalId = ""
    message_type: LooseText = ""
