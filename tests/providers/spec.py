"""The vendors' own OpenAPI descriptions, to hold requests and imitations against.

They are looked for in HITL_SPECS_DIR, else in `../shared/specs` beside the project. They are not
part of it: where they are absent, `load` gives a description that agrees with everything.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from openapi_schema_validator import OAS30Validator, OAS31Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

PROJECT = Path(__file__).resolve().parents[2]
URN = "urn:spec"


def directory() -> Path:
    """Where the descriptions are, if they are anywhere."""
    return Path(os.environ.get("HITL_SPECS_DIR") or PROJECT.parent / "shared" / "specs")


class Spec:
    """One description. Methods raise AssertionError for what does not fit it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document = _mended(document)
        resource = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(URN, resource)
        modern = str(document.get("openapi", "")).startswith("3.1")
        self._validator = OAS31Validator if modern else OAS30Validator
        self._paths = sorted(
            (_pattern(template), template) for template in document.get("paths", {})
        )
        # What is spelled out beats what is a parameter: /contacts/search is no contact's id.
        self._paths.sort(key=lambda pair: pair[1].count("{"))

    def check_request(self, method: str, path: str, body: Any = None) -> None:
        """`path` is below the server's address, without the query; `body` is decoded JSON."""
        pointer, operation, values = self._operation(method, path)
        for name, value in values.items():
            self._check_parameter(operation, name, value)
        request = operation.get("requestBody", {})
        schema = _json_schema((*pointer, "requestBody"), request)
        if body is None:
            assert not request.get("required"), f"{method} {path} needs a body"
        elif schema:
            self._check(schema, body, f"the body of {method} {path}")

    def check_response(self, method: str, path: str, status: int, body: Any) -> None:
        """A described answer must fit; what is not described (500, say) may be anything."""
        pointer, operation, _ = self._operation(method, path)
        answer = operation["responses"].get(str(status))
        if answer is None:
            assert status >= 300, f"{method} {path} never answers with {status}"
            return
        schema = _json_schema((*pointer, "responses", str(status)), answer)
        if schema:
            self._check(schema, body, f"the answer {status} to {method} {path}")

    def check(self, name: str, value: Any) -> None:
        """A value of one of the description's schemas."""
        self._check(("components", "schemas", name), value, name)

    def _operation(
        self, method: str, path: str
    ) -> tuple[tuple[str, ...], Mapping[str, Any], Mapping[str, str]]:
        for pattern, template in self._paths:
            found = re.fullmatch(pattern, path)
            if found and method.lower() in self._document["paths"][template]:
                operation = self._document["paths"][template][method.lower()]
                names = re.findall(r"\{(.+?)\}", template)
                values = dict(zip(names, map(unquote, found.groups()), strict=True))
                return ("paths", template, method.lower()), operation, values
        raise AssertionError(f"There is no {method} {path} in the vendor's description.")

    def _check_parameter(self, operation: Mapping[str, Any], name: str, value: str) -> None:
        for parameter in operation.get("parameters", []):
            ours = parameter.get("name") == name and parameter.get("in") == "path"
            if ours and parameter.get("schema", {}).get("type") == "integer":
                assert value.isdigit(), f"{name} must be a number, not {value!r}"

    def _check(self, pointer: tuple[str, ...], value: Any, what: str) -> None:
        reference = "/".join(part.replace("~", "~0").replace("/", "~1") for part in pointer)
        schema = {"$ref": f"{URN}#/{reference}"}
        validator = self._validator(schema, registry=self._registry)
        errors = [
            f"{'/'.join(map(str, error.absolute_path)) or 'it'}: {error.message}"
            for error in validator.iter_errors(value)
        ]
        assert not errors, f"{what} does not fit the vendor's description: {'; '.join(errors)}"


class NoSpec(Spec):
    """Stands in for a description that is not here."""

    def __init__(self) -> None:
        super().__init__({})

    def check_request(self, method: str, path: str, body: Any = None) -> None:
        pass

    def check_response(self, method: str, path: str, status: int, body: Any) -> None:
        pass

    def check(self, name: str, value: Any) -> None:
        pass


@cache
def load(filename: str) -> Spec:
    """The description of that file name, JSON or YAML; read once."""
    file = directory() / filename
    if not file.is_file():
        return NoSpec()
    text = file.read_text(encoding="utf-8")
    if filename.endswith(".json"):
        return Spec(json.loads(text))
    return Spec(yaml.load(text, Loader=yaml.CSafeLoader))


def _mended(part: Any) -> Any:
    """With `nullable` beside a reference or an `allOf` meant as the vendors mean it: null is fine.

    Strictly, OpenAPI 3.0 ignores it there.
    """
    if isinstance(part, list):
        return [_mended(one) for one in part]
    if not isinstance(part, dict):
        return part
    mended = {key: _mended(one) for key, one in part.items() if key != "examples"}
    if part.get("nullable") is True and ("$ref" in part or "allOf" in part):
        rest = {key: one for key, one in mended.items() if key != "nullable"}
        return {"anyOf": [rest, {"enum": [None], "nullable": True}]}
    return mended


def _pattern(template: str) -> str:
    return re.sub(r"\\\{.+?\\\}", "([^/]+)", re.escape(template))


def _json_schema(pointer: tuple[str, ...], part: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Where the JSON schema of a body is, if it has one."""
    for kind, content in part.get("content", {}).items():
        if "json" in kind and "schema" in content:
            return (*pointer, "content", kind, "schema")
    return None
