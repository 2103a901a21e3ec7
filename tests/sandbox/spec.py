"""Checks answers against a vendor's OpenAPI 3.0 description."""

import re
from typing import Any

import requests
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

# Null in the vendor's own answers, where the description says that it never is.
NULL_IN_THE_WILD = {("contact", "email")}


class Description:
    """An OpenAPI document that answers can be validated against."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        for name, field in NULL_IN_THE_WILD:
            document["components"]["schemas"][name]["properties"][field]["nullable"] = True
        _allow_null_references(document)
        resource: Resource[Any] = Resource.from_contents(document, default_specification=DRAFT4)
        self._registry: Registry[Any] = Registry().with_resource("urn:spec", resource)
        # A fixed address comes before one with a parameter.
        self._paths = sorted(document["paths"], key=lambda path: path.count("{"))

    def template(self, path: str) -> str:
        """The description's own form of a path; KeyError if it has none."""
        for template in self._paths:
            pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
            if re.fullmatch(pattern, path):
                return str(template)
        raise KeyError(path)

    def check(self, method: str, path: str, answer: requests.Response) -> None:
        """AssertionError where the answer's body is not what is described for its status."""
        template = self.template(path)
        responses = self.document["paths"][template][method.lower()]["responses"]
        if answer.ok:
            assert str(answer.status_code) in responses, f"{answer.status_code} is undescribed"
        described = responses.get(str(answer.status_code))
        if described:
            pointer = f"/paths/{_escape(template)}/{method.lower()}/responses/{answer.status_code}"
            schema = {"$ref": f"urn:spec#{pointer}/content/application~1json/schema"}
        else:
            schema = {"$ref": "urn:spec#/components/schemas/error"}
        validator = OAS30Validator(schema, registry=self._registry)
        problems = [
            f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
            for error in validator.iter_errors(answer.json())
        ]
        assert not problems, problems


def _allow_null_references(node: Any) -> None:
    """A validator ignores what stands beside `$ref`, and `nullable` stands there often."""
    if isinstance(node, list):
        for one in node:
            _allow_null_references(one)
    elif isinstance(node, dict):
        for one in node.values():
            _allow_null_references(one)
        if node.get("nullable") and "$ref" in node:
            node["anyOf"] = [{"nullable": True, "enum": [None]}, {"$ref": node.pop("$ref")}]


def _escape(template: str) -> str:
    return template.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
