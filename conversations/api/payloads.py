"""Messages of the HITL interface 2.1.0, and of the history that is handed over with a session."""

from __future__ import annotations

from collections.abc import Mapping

from rest_framework import serializers

from conversations.api.shapes import (
    OPTIONAL,
    Choice,
    Constant,
    Coordinate,
    Many,
    OneOf,
    Shape,
    Text,
    Url,
    shape,
)

ADDITIONAL_DATA_LENGTH = 500
ID_LENGTH = 200  # of ids that are the bot's own

_Option = shape(
    "ChoiceOption",
    "One thing to choose; a `value` that is left out is the label.",
    label=Text(),
    value=Text(**OPTIONAL),
)
_Options = shape(
    "OptionsPayload",
    "A question with answers to choose from.",
    text=Text(),
    options=Many(child=_Option(), max_length=100),
)
_Action = shape(
    "CardAction",
    "A button on a card.",
    action=Choice("CardActionKind", ["postback", "url", "say"]),
    label=Text(),
    value=Text(allow_blank=True),
)
_Card = shape(
    "CardPayload",
    "A picture, a title and buttons.",
    title=Text(),
    subtitle=Text(**OPTIONAL),
    imageUrl=Url(**OPTIONAL),
    actions=Many(child=_Action(), required=False, allow_null=True, max_length=100),
)

PAYLOADS: dict[str, type[Shape]] = {
    "text": shape("TextPayload", "Plain text.", text=Text()),
    "image": shape("ImagePayload", "A picture.", imageUrl=Url(), title=Text(**OPTIONAL)),
    "audio": shape("AudioPayload", "A sound.", audioUrl=Url(), title=Text(**OPTIONAL)),
    "video": shape("VideoPayload", "A video.", videoUrl=Url(), title=Text(**OPTIONAL)),
    "file": shape("FilePayload", "A file.", fileUrl=Url(), title=Text(**OPTIONAL)),
    "location": shape(
        "LocationPayload",
        "A place on the map.",
        latitude=Coordinate(min_value=-90, max_value=90),
        longitude=Coordinate(min_value=-180, max_value=180),
        address=Text(**OPTIONAL),
        title=Text(**OPTIONAL),
    ),
    "card": _Card,
    "carousel": shape(
        "CarouselPayload",
        "Several cards.",
        items=Many(child=_Card(), min_length=1, max_length=100),
    ),
    "choice": _Options,
    "dropdown": _Options,
    "markdown": shape("MarkdownPayload", "Text with Markdown.", markdown=Text()),
}


def _name(kind: str, suffix: str) -> str:
    return f"{kind.capitalize()}{suffix}"


BLOC_TYPES = ("text", "image", "audio", "video", "file", "location", "markdown")
_BLOC_ITEMS = {
    kind: shape(
        _name(kind, "BlocItem"),
        f"A {kind} in a bloc.",
        type=Constant(kind),
        payload=PAYLOADS[kind](),
    )
    for kind in BLOC_TYPES
}
PAYLOADS["bloc"] = shape(
    "BlocPayload",
    "Several contents in one message.",
    items=Many(child=OneOf("BlocItem", _BLOC_ITEMS), min_length=1, max_length=100),
)
MESSAGE_TYPES = tuple(PAYLOADS)

MESSAGES: Mapping[str, type[Shape]] = {
    kind: shape(
        _name(kind, "Message"),
        f"A message of type `{kind}`.",
        type=Constant(kind),
        payload=payload(),
        userId=Text(
            max_length=ID_LENGTH,
            help_text="On whose behalf it is sent; left out, the bot itself speaks.",
            **OPTIONAL,
        ),
        additionalData=Text(
            max_length=ADDITIONAL_DATA_LENGTH,
            help_text="Kept with the message as it is.",
            **OPTIONAL,
        ),
    )
    for kind, payload in PAYLOADS.items()
}

_SOURCES = {
    "user": shape(
        "UserSource",
        "The end user said it.",
        type=Constant("user"),
        userId=Text(max_length=ID_LENGTH, **OPTIONAL),
    ),
    "bot": shape("BotSource", "The bot said it.", type=Constant("bot")),
}
HISTORY: Mapping[str, type[Shape]] = {
    kind: shape(
        _name(kind, "HistoryEntry"),
        f"Said before the handoff: a message of type `{kind}`.",
        source=OneOf("HistorySource", _SOURCES),
        type=Constant(kind),
        payload=payload(),
    )
    for kind, payload in PAYLOADS.items()
}


def history() -> serializers.ListField:
    """The field for what was said before the handoff."""
    return Many(
        child=OneOf("HistoryEntry", HISTORY),
        required=False,
        allow_null=True,
        max_length=2000,
        help_text="What was said before, oldest first: the agent reads it with the ticket.",
    )
