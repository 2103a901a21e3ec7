"""How JSON objects of the API are described: once, for checking, writing and the OpenAPI file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.db.models import TextChoices
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

URL_LENGTH = 2000
# For what may be left out of a request: null and the empty string mean the same.
OPTIONAL: dict[str, Any] = {"required": False, "allow_null": True, "allow_blank": True}


class Shape(serializers.Serializer[Any]):
    """A JSON object. What may be left out is left out, both ways, where there is nothing."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        given = super().to_internal_value(data)
        fields = self.fields
        return {
            name: value
            for name, value in given.items()
            if value is not None and (value != "" or fields[name].required)
        }

    def to_representation(self, instance: Any) -> dict[str, Any]:
        told = super().to_representation(instance)
        fields = self.fields
        return {
            name: value
            for name, value in told.items()
            if fields[name].required or fields[name].allow_null or value not in (None, "", {})
        }


def shape(
    component: str, doc: str, /, **fields: serializers.Field[Any, Any, Any, Any]
) -> type[Shape]:
    """A `Shape` of that name in the OpenAPI file. Fields are keyword arguments, so that they can
    have the API's camelCase names."""
    return type(component, (Shape,), {"__doc__": doc, **fields})


class Text(serializers.CharField):
    """A string and nothing that could be made one; kept as it is, blanks around it too."""

    default_error_messages = {"invalid": "This must be a string."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        if not self.allow_blank and not text.strip(" \t\r\n"):
            self.fail("blank")
        return text


class Url(Text):
    """An http or https address; private hosts are fine here, since nothing is fetched yet."""

    default_error_messages = {"not_url": "This must be an http or https address."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=URL_LENGTH, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text and not _is_web_address(text):
            self.fail("not_url")
        return text


class Coordinate(serializers.FloatField):
    """Degrees; a number, not a string that looks like one."""

    default_error_messages = {"not_number": "This must be a number."}

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("not_number")
        return data  # as it was written: 38.0 and 38 stay what they are


class JsonObject(serializers.Field[Any, Any, Any, Any]):
    """Any JSON object."""

    default_error_messages = {"not_object": "This must be an object."}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("not_object")
        return dict(data)

    def to_representation(self, value: Any) -> Any:
        return value


class Tags(JsonObject):
    """Names and values, both strings."""

    default_error_messages = {
        "too_many": "At most {limit} tags are possible.",
        "name": "A tag's name has 1 to {limit} characters.",
        "value": "A tag's value is a string of at most {limit} characters.",
    }

    def __init__(self, *, count: int, name_length: int, value_length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count, self.name_length, self.value_length = count, name_length, value_length

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        tags = super().to_internal_value(data)
        if len(tags) > self.count:
            self.fail("too_many", limit=self.count)
        problems: dict[str, list[str]] = {}
        for name, value in tags.items():
            if not 0 < len(name) <= self.name_length:
                problems[name[:80]] = [self.error_messages["name"].format(limit=self.name_length)]
            elif not isinstance(value, str) or len(value) > self.value_length:
                message = self.error_messages["value"].format(limit=self.value_length)
                problems[name] = [message]
        if problems:
            raise ValidationError(problems)
        return tags


class Constant(serializers.CharField):
    """A value that says which of several shapes an object has."""

    def __init__(self, value: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = value


class Choice(serializers.ChoiceField):
    """One of several strings, under a name of its own in the OpenAPI file."""

    default_error_messages = {"invalid_choice": "This must be one of {values}."}

    def __init__(
        self, component: str, values: type[TextChoices] | Sequence[str], **kwargs: Any
    ) -> None:
        names = values if isinstance(values, Sequence) else list(values.values)
        super().__init__(choices=names, **kwargs)
        self.component = component
        self.values = list(names)

    def to_internal_value(self, data: Any) -> str:
        if data == "" and self.allow_blank:
            return ""
        if not isinstance(data, str) or data not in self.values:
            self.fail("invalid_choice", values=", ".join(self.values))
        return data


class OneOf(JsonObject):
    """An object whose `type` says which of several shapes it has."""

    default_error_messages = {"unknown_type": "This must be one of {values}."}

    def __init__(self, component: str, shapes: Mapping[str, type[Shape]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.component = component
        self.shapes = dict(shapes)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        given = super().to_internal_value(data)
        kind = given.get("type")
        if not isinstance(kind, str) or kind not in self.shapes:
            message = self.error_messages["unknown_type"].format(values=", ".join(self.shapes))
            raise ValidationError({"type": [message]})
        chosen = self.shapes[kind](data=given)
        chosen.is_valid(raise_exception=True)
        checked: dict[str, Any] = chosen.validated_data
        return checked


class Many(serializers.ListField):
    """A JSON array; nothing else is taken for one."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        return list(super().to_internal_value(data))


def _is_web_address(text: str) -> bool:
    if any(mark <= " " or mark == "\x7f" for mark in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
