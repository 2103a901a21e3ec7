"""What drf-spectacular must be told to describe the API (docs/openapi.yaml, /api/docs/)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer

Schema = dict[str, Any]

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="A repeat with the same key and body gets the first answer again (for a day), "
    "marked by `Idempotency-Replayed: true`, and changes nothing.",
)


class ApiSchema(AutoSchema):
    """Operations of the bot's API."""

    global_params = [IDEMPOTENCY_KEY]

    def get_override_parameters(self) -> list[Any]:
        own = list(super().get_override_parameters())
        return [*own, *self.global_params] if self.method == "POST" else own

    def _get_request_body(self, direction: Any = "request") -> Schema | None:
        body: Schema | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        if body and self.method == "POST":
            # A body of which nothing is needed may be missing altogether.
            needed = "$ref" in body["content"]["application/json"]["schema"]
            body["required"] = needed
        return body

    def get_tags(self) -> list[str]:
        own: str = self.view.scope  # type: ignore[attr-defined]  # conversations.api.base.ApiView
        return ["actions" if self.method == "POST" else own]


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The API key."""

    target_class = "conversations.api.auth.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        return {"type": "http", "scheme": "bearer", "description": "An API key of the bot."}


class ConstantField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "conversations.api.shapes.Constant"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {"type": "string", "const": self.target.value}


class ChoiceField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A schema of its own: enums of several fields may have the same name."""

    target_class = "conversations.api.shapes.Choice"

    def get_name(self) -> str:
        return str(self.target.component)

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {"type": "string", "enum": self.target.values}


class TextField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "conversations.api.shapes.Text"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        schema: Schema = {"type": "string"}
        if self.target.max_length:
            schema["maxLength"] = self.target.max_length
        if direction == "request" and not self.target.allow_blank:
            schema["pattern"] = r"[^ \t\r\n]"
        return schema


class EmailField(TextField):  # type: ignore[no-untyped-call]
    target_class = "conversations.api.inputs.Email"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        schema = super().map_serializer_field(auto_schema, direction)
        # What may be left out may be empty as well.
        return {**schema, "pattern": f"^$|{self.target.pattern}"}


class UrlField(TextField):  # type: ignore[no-untyped-call]
    target_class = "conversations.api.shapes.Url"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        schema = {**super().map_serializer_field(auto_schema, direction), "format": "uri"}
        # What may be left out may be empty as well.
        return {**schema, "pattern": "^$|^https?://" if self.target.allow_blank else "^https?://"}


class JsonObjectField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "conversations.api.shapes.JsonObject"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {"type": "object", "additionalProperties": True}


class OptionField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "conversations.api.inputs.OptionValue"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return dict(self.target.kind.schema)


class OneOfField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "conversations.api.shapes.OneOf"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> Schema:
        proxy = one_of(self.target.component, self.target.shapes)
        reference: Schema = auto_schema.resolve_serializer(proxy, direction).ref
        return reference


class TagsField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "conversations.api.shapes.Tags"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {
            "type": "object",
            "maxProperties": self.target.count,
            "propertyNames": {"minLength": 1, "maxLength": self.target.name_length},
            "additionalProperties": {"type": "string", "maxLength": self.target.value_length},
        }


class TagsOfField(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "conversations.api.outputs.TagsOf"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: str) -> Schema:
        return {"type": "object", "additionalProperties": {"type": "string"}}


def one_of(component: str, shapes: Any) -> PolymorphicProxySerializer:
    """The schema of an object whose `type` says which shape it has."""
    return PolymorphicProxySerializer(
        component_name=component, serializers=dict(shapes), resource_type_field_name="type"
    )
