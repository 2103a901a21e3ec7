"""What bots send."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from conversations.api.payloads import ID_LENGTH, MESSAGES, history
from conversations.api.shapes import (
    OPTIONAL,
    Choice,
    JsonObject,
    OneOf,
    Shape,
    Tags,
    Text,
    Url,
    shape,
)
from conversations.models import StopReason
from conversations.models.users import TAG_NAME_LENGTH, TAG_VALUE_LENGTH
from hitl_bridge.options import ITEMS, Item, WrongValueError

MAX_TAGS = 50
INSTALLATION_HELP = "Slug or id of the installation; may be left out where the bot has one."


def tags() -> Tags:
    """The field for a bot's own mapping data."""
    return Tags(
        count=MAX_TAGS,
        name_length=TAG_NAME_LENGTH,
        value_length=TAG_VALUE_LENGTH,
        required=False,
        allow_null=True,
        help_text="The bot's own mapping data; these are added or replaced, others stay.",
    )


class Email(Text):
    """An e-mail address, roughly: what is a good one is for the help desk to say."""

    default_error_messages = {"not_email": "This must be an e-mail address."}
    # Spelled out: what \s means differs between Python and whoever reads the OpenAPI file.
    pattern = r"^[^@ \t\r\n]+@[^@ \t\r\n]+$"

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if text and not re.fullmatch(self.pattern, text):
            self.fail("not_email")
        return text


CreateUser = shape(
    "CreateUser",
    "An end user. With an `externalId` always the same one, brought up to date.",
    name=Text(max_length=200, help_text="What agents see."),
    email=Email(max_length=320, **OPTIONAL),
    phone=Text(max_length=40, help_text="Best with country code: +351 210 000 000.", **OPTIONAL),
    pictureUrl=Url(**OPTIONAL),
    externalId=Text(max_length=200, help_text="The bot's own id of the user.", **OPTIONAL),
    tags=tags(),
    installation=Text(max_length=63, help_text=INSTALLATION_HELP, **OPTIONAL),
)


class OptionValue(serializers.Field[Any, Any, Any, Any]):
    """One option of a session, checked as `hitl_bridge.options` declares it."""

    def __init__(self, item: Item) -> None:
        super().__init__(required=False, allow_null=True, help_text=_about(item))
        self.kind = item.kind

    def to_internal_value(self, data: Any) -> Any:
        try:
            return self.kind.check(data)
        except WrongValueError as wrong:
            raise ValidationError([str(wrong)]) from None


def _about(item: Item) -> str:
    default = f" Default: {item.default}." if item.default else ""
    return f"{item.help}{default}"


def _session_options() -> type[Shape]:
    """The options that a session takes, those with a dot in their names as objects' members."""
    groups: dict[str, dict[str, OptionValue]] = {}
    for item in ITEMS:
        if item.per_session:
            group, _, member = item.name.rpartition(".")
            groups.setdefault(group, {})[member] = OptionValue(item)
    own = groups.pop("")
    objects = {
        name: shape(f"Session{name[0].upper()}{name[1:]}", GROUPS[name], **members)(
            required=False, allow_null=True
        )
        for name, members in groups.items()
    }
    return shape(
        "SessionOptions",
        "How this session shall behave, in place of the installation's own options.",
        **own,
        **objects,
    )


GROUPS = {
    "texts": "What the bridge says to the user: true, false, words, or words by locale.",
    "businessHours": "When agents are there; replaces the installation's hours as a whole.",
}
SessionOptions = _session_options()

StartHitl = shape(
    "StartHitl",
    "Hands a user's chat over to a human.",
    userId=Text(max_length=ID_LENGTH, help_text="From `createUser`."),
    title=Text(max_length=300, **OPTIONAL),
    description=Text(**OPTIONAL),
    messageHistory=history(),
    hitlSession=JsonObject(
        required=False,
        allow_null=True,
        help_text="Routing and fields of the help desk; which it takes is its own matter.",
    ),
    botConversationId=Text(
        max_length=200,
        help_text="The bot's own id of the chat: while its session is open, that one is answered.",
        **OPTIONAL,
    ),
    tags=tags(),
    options=SessionOptions(required=False, allow_null=True),
    installation=Text(max_length=63, help_text=INSTALLATION_HELP, **OPTIONAL),
)

StopHitl = shape(
    "StopHitl",
    "Ends a session; one that has ended already stays as it is.",
    conversationId=Text(max_length=ID_LENGTH),
    reason=Choice("StopReason", StopReason, required=False, allow_null=True, allow_blank=True),
)

Typing = shape("Typing", "Nothing is needed.")

MarkRead = shape(
    "MarkRead",
    "What the user has read: everything so far, unless a message is named.",
    messageId=Text(max_length=ID_LENGTH, help_text="The last one that was read.", **OPTIONAL),
)

NEW_MESSAGE = OneOf("NewMessage", MESSAGES)
