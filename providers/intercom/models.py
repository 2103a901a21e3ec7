"""Intercom's JSON, as far as the bridge reads it; unknown fields are ignored."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from providers.values import ListOf, Text


def _moment(value: Any) -> Any:
    """Unix seconds, as long as they are a year that `datetime` knows."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**33:
        raise ValueError("not a time")  # pydantic wants a ValueError
    return datetime.fromtimestamp(value, UTC)


def _reference_id(value: Any) -> Any:
    """0 and null both mean nobody; numbers are ids as well."""
    if value is None or isinstance(value, bool) or value in (0, "0"):
        return ""
    return str(value) if isinstance(value, int) else value


Moment = Annotated[datetime, BeforeValidator(_moment)]
Id = Annotated[
    str,
    BeforeValidator(_reference_id),
    StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9_.:-]+$"),
]
OptionalId = Annotated[
    str,
    BeforeValidator(_reference_id),
    StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9_.:-]*$"),
]


class Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ApiError(Model):
    code: Text = ""
    message: Text = ""
    field: Text = ""


class ApiErrors(Model):
    errors: list[ApiError] = []


class Author(Model):
    type: Text = ""
    id: OptionalId = ""
    name: Text = ""
    email: Text = ""
    from_ai_agent: bool | None = False

    @property
    def is_human_agent(self) -> bool:
        """A teammate; not Fin or a workflow, which `/admins` shows as "Operator", an admin."""
        robot = self.type == "bot" or self.from_ai_agent or self.email.startswith("operator+")
        return self.type == "admin" and not robot

    @property
    def is_customer(self) -> bool:
        return self.type in ("user", "lead", "contact")


class Reference(Model):
    type: Text = ""
    id: OptionalId = ""


class Attachment(Model):
    name: Text = ""
    url: Text = ""
    content_type: Text = ""


class Part(Model):
    id: Id
    created_at: Moment
    part_type: Text = ""
    body: Text = ""
    author: Author = Author()
    assigned_to: Reference | None = None
    attachments: ListOf[Attachment] = []
    redacted: bool | None = False
    app_package_code: Text = ""  # filled for what was made by API

    @property
    def is_note(self) -> bool:
        return "note" in self.part_type


class Source(Model):
    body: Text = ""


class Conversation(Model):
    id: Id
    state: Text = ""
    title: Text = ""
    created_at: Moment | None = None
    updated_at: Moment | None = None
    source: Source | None = None
    parts: ListOf[Part] = Field(
        [], validation_alias=AliasPath("conversation_parts", "conversation_parts")
    )


class Conversations(Model):
    conversations: list[Conversation] = []


class Message(Model):
    """What creating a conversation answers with; `id` is the message's, not the conversation's."""

    conversation_id: Id


class Contact(Model):
    id: Id
    role: Text = "user"
    external_id: Text = ""


class Contacts(Model):
    data: list[Contact] = []


class Avatar(Model):
    image_url: Text = ""


class Admin(Model):
    id: Id
    name: Text = ""
    email: Text = ""
    has_inbox_seat: bool | None = False
    away_mode_enabled: bool | None = False
    avatar: Avatar | str | None = None  # an object in /me, an address in /admins

    @property
    def is_operator(self) -> bool:
        """Intercom's own robot, which the list of teammates has too."""
        return self.email.startswith("operator+")

    @property
    def picture_url(self) -> str:
        if isinstance(self.avatar, Avatar):
            return self.avatar.image_url
        return self.avatar or ""


class Admins(Model):
    admins: list[Admin] = []


class App(Model):
    id_code: Id
    name: Text = ""
    region: Text = ""


class Me(Admin):
    app: App


class Team(Model):
    id: Id
    name: Text = ""
    admin_ids: ListOf[OptionalId] = []


class Teams(Model):
    teams: list[Team] = []


class Grant(Model):
    """What the token endpoint answers: the same token under two names."""

    access_token: Text = ""
    token: Text = ""


class DeletedItem(Model):
    """What is left of a deleted conversation; its fields are not documented."""

    id: OptionalId = ""
    conversation_id: OptionalId = ""


class RedactedItem(Model):
    """A part on its own; the conversation's id stands beside it."""

    conversation_id: OptionalId = ""
    conversation: Reference | None = None


class Notification(Model):
    """A webhook: https://developers.intercom.com/docs/webhooks/webhook-notifications."""

    id: Text = ""
    app_id: OptionalId = ""
    topic: Text
    created_at: Moment | None = None
    item: dict[str, Any] = Field(validation_alias=AliasPath("data", "item"))
