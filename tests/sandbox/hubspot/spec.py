"""HubSpot's published descriptions, to validate requests and answers against."""

import json
import re
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

FILES = (
    "hubspot-custom-channels-2026-03.json",
    "hubspot-custom-channels-v3.json",
    "hubspot-conversations-2026-09.json",
    "hubspot-files-2026-03.json",
    "hubspot-oauth-2026-03.json",
    "hubspot-webhooks-2026-03.json",
)
JSON_BODY = "content/application~1json/schema"


class Descriptions:
    """All of them; an address that none has is not checked."""

    def __init__(self, folder: Path) -> None:
        self._operations: list[tuple[str, str, str, dict[str, Any], Registry[Any]]] = []
        for name in FILES:
            document = json.loads((folder / name).read_text())
            _mend(document)
            resource: Resource[Any] = Resource.from_contents(document, default_specification=DRAFT4)
            registry: Registry[Any] = Registry().with_resource("urn:spec", resource)
            for template, operations in document["paths"].items():
                for method, operation in operations.items():
                    pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
                    row = (method.upper(), pattern, template, operation, registry)
                    self._operations.append(row)
        # A fixed address comes before one with a parameter.
        self._operations.sort(key=lambda row: row[1].count("[^/]+"))

    def find(self, method: str, path: str) -> tuple[str, dict[str, Any], Registry[Any]] | None:
        """Pointer to the operation, the operation, and where its references lead."""
        for known, pattern, template, operation, registry in self._operations:
            if known == method and re.fullmatch(pattern, path):
                return f"/paths/{_escape(template)}/{method.lower()}", operation, registry
        return None

    def request_problems(self, method: str, path: str, body: Any) -> list[str]:
        """What of a JSON body the description forbids."""
        found = self.find(method, path)
        if not found or "application/json" not in found[1].get("requestBody", {}).get(
            "content", {}
        ):
            return []
        return _problems(f"{found[0]}/requestBody/{JSON_BODY}", found[2], body)

    def answer_problems(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What of an answer is not as described."""
        found = self.find(method, path)
        if not found:
            return []
        pointer, operation, registry = found
        responses = operation["responses"]
        if status >= 400:
            return _problems("/components/schemas/Error", registry, body)
        if str(status) not in responses and set(responses) != {"default"}:
            return [f"{status} is undescribed; {sorted(responses)}"]
        if "application/json" not in responses.get(str(status), {}).get("content", {}):
            return []
        return _problems(f"{pointer}/responses/{status}/{JSON_BODY}", registry, body)


def _problems(pointer: str, registry: Registry[Any], value: Any) -> list[str]:
    validator = OAS30Validator({"$ref": f"urn:spec#{pointer}"}, registry=registry)
    return [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in validator.iter_errors(value)
    ]


def _mend(document: dict[str, Any]) -> None:
    """Undo what makes the descriptions unusable: subtypes that contain the choice they are part
    of, and capabilities of which every value is said to be an object."""
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        parents = [part for part in schema.get("allOf", []) if "$ref" in part]
        if parents and len(schema["allOf"]) == 2:
            own = next(part for part in schema["allOf"] if "$ref" not in part)
            schema.pop("allOf")
            schema.update(own)
        if "capabilities" in schema.get("properties", {}):
            schema["properties"]["capabilities"] = {"type": "object"}


def _escape(template: str) -> str:
    return template.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
