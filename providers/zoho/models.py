"""Zoho SalesIQ's JSON, as far as the bridge reads it; unknown fields are ignored.

Ids and times come as strings and as numbers; what is documented in one place only is optional.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from providers.types import storable
from providers.values import Text, clean_text, number_or_text


def _loose_text(value: Any) -> Any:
    """Likewise, where nothing depends on it: anything but a text or a number is empty."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return storable(value) if isinstance(value, str) else ""


def _moment(value: Any) -> Any:
    """Epoch milliseconds, as text or number; null, "" and -1 are no time."""
    if value in (None, "", "-1", -1):
        return None
    if isinstance(value, bool) or not re.fullmatch(r"\d{1,14}", str(value)):
        raise ValueError("not a time")
    return from_ms(int(value))


def _loose_moment(value: Any) -> Any:
    try:
        return _moment(value)
    except ValueError:
        return None


def _flag(value: Any) -> bool:
    return str(value).lower() == "true"


def _object(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {}


def from_ms(milliseconds: int) -> datetime:
    """The moment that many milliseconds after 1970, to the millisecond."""
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def to_ms(moment: datetime) -> int:
    """Epoch milliseconds."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


LooseText = Annotated[str, BeforeValidator(_loose_text)]
Moment = Annotated[datetime | None, BeforeValidator(_moment)]
LooseMoment = Annotated[datetime | None, BeforeValidator(_loose_moment)]
Id = Annotated[
    str,
    BeforeValidator(clean_text),
    BeforeValidator(number_or_text),
    StringConstraints(max_length=150, pattern=r"^[^\s/]*$"),  # some Zoho ids hold a "%20"
]
Flag = Annotated[bool, BeforeValidator(_flag)]
Json = Annotated[dict[str, Any], BeforeValidator(_object)]


class Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class ApiError(Model):
    """`{"error": {...}}`; `json_key`, `param` and `header` name what was wrong with the request."""

    code: LooseText = ""
    message: LooseText = ""
    json_key: LooseText = ""
    param: LooseText = ""
    header: LooseText = ""


class Grant(Model):
    """What the token endpoint answers, also when it refuses (then with HTTP 200)."""

    access_token: LooseText = ""
    refresh_token: LooseText = ""
    expires_in: float | None = None
    scope: LooseText = ""
    api_domain: LooseText = ""
    error: LooseText = ""
    error_description: LooseText = ""


class Party(Model):
    """Who speaks or has a chat: an operator, a bot, the visitor."""

    id: Id = ""
    name: Text = ""
    type: LooseText = ""
    email: LooseText = ""
    email_id: LooseText = ""
    is_bot: Flag = False

    @property
    def address(self) -> str:
        return self.email or self.email_id

    @property
    def is_operator(self) -> bool | None:
        """None: it does not say. In lists of messages only the id's first letter tells."""
        if self.is_bot or self.id.startswith(("$", "b")):
            return False
        if self.type:
            return self.type == "operator"
        return None


# Where a message holds its files: Zoho does not document it.
FILE_HOLDERS = ("attachment", "attachments", "file", "files")
FILE_SIGNS = ("attachment_id", "file_id", "file_name", "download_url")


class Message(Model):
    """In webhooks with `msgid` and the text at the top, in lists with `id` and a `message`."""

    id: Id = ""
    msgid: Id = ""
    type: LooseText = ""
    time: LooseMoment = None
    sequence_id: LooseText = ""
    sender: Party | None = None
    text: Text = ""
    message: Json = {}
    meta: Json = {}
    attachment: Any = None
    attachments: Any = None
    file: Any = None
    file_list: Any = Field(None, alias="files")
    is_deleted: Flag = False

    @property
    def key(self) -> str:
        return self.msgid or self.id

    @property
    def words(self) -> str:
        inner = self.message.get("text")
        return self.text or (storable(inner) if isinstance(inner, str) else "")

    @property
    def files(self) -> list[Mapping[str, Any]]:
        """The objects that describe files, as they came."""
        own = {
            "attachment": self.attachment,
            "attachments": self.attachments,
            "file": self.file,
            "files": self.file_list,
        }
        found: list[Any] = []
        for holder in (own, self.message, self.meta):
            if any(holder.get(sign) for sign in FILE_SIGNS):
                found.append(holder)
            for name in FILE_HOLDERS:
                value = holder.get(name)
                found += value if isinstance(value, list) else [value]
        return [one for one in found if isinstance(one, Mapping)]

    @property
    def is_mere_text(self) -> bool:
        """Whether there is surely no more to it than its words."""
        return not self.files and self.type in ("", "text")


class Status(Model):
    state: LooseText = ""
    state_key: LooseText = ""
    status_key: LooseText = ""
    status_code: LooseText = ""


class Entity(Model):
    """A conversation, in a webhook or as read."""

    id: Id = ""
    owner: Party | None = None
    attender: Party | None = None
    accepted_by: Any = None
    message: Message | None = None
    question: LooseText = ""
    chat_id: LooseText = ""
    participants: Any = None
    supervisors: Any = None
    chat_status: Annotated[Status, BeforeValidator(_object)] = Status()
    start_time: LooseMoment = None
    attended_time: LooseMoment = None
    last_modified_time: LooseMoment = None
    missed_time: Moment = None
    end_time: Moment = None
    event_time: Moment = None
    ended_by: LooseText = ""

    @property
    def is_missed(self) -> bool:
        status = self.chat_status
        return bool(self.missed_time) or "missed" in (status.state_key, status.status_key)

    @property
    def is_closed(self) -> bool:
        """States: waiting 1, connected 2, closed 4 (status code 2)."""
        status = self.chat_status
        ends = {"closed", "ended", "completed"}
        by_name = bool(ends & {status.state_key.lower(), status.status_key.lower()})
        by_number = status.state == "4" or status.status_code == "2"
        return by_name or by_number or self.is_missed

    @property
    def is_waiting(self) -> bool:
        return self.chat_status.state_key.lower() == "waiting" or self.chat_status.state == "1"


class Notification(Model):
    """A webhook's envelope."""

    event: Text = ""
    entity_id: Id = ""
    entity_type: LooseText = ""
    org_id: Id = ""
    event_time: Moment = None
    webhook: Json = {}
    entity: dict[str, Any] = Field(default_factory=dict)


class Opened(Model):
    """What opening a conversation answers with; `id` is its hash, if there is another id."""

    id: Id = ""
    conversation_id: Id = ""
    wms_chat_id: Id = ""
    chat_id: Id = ""
    reference_id: Id = ""


class Named(Model):
    """A brand or a department."""

    id: Id = ""
    name: Text = ""
    enabled: LooseText = ""


class Operator(Model):
    id: Id = ""
    first_name: LooseText = ""
    last_name: LooseText = ""
    nick_name: LooseText = ""
    name: LooseText = ""
    email_id: LooseText = ""
    status_code: LooseText = ""  # 1 available, 3 busy
    is_enabled: LooseText = "true"
    is_deleted: Flag = False
    departments: list[Id] | None = None

    @property
    def full_name(self) -> str:
        return self.name or f"{self.first_name} {self.last_name}".strip() or self.nick_name


class PublicKey(Model):
    id: Id = ""
    key: LooseText = ""


class Webhook(Model):
    id: Id = ""
    url: LooseText = ""
