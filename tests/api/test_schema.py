"""The API keeps to its own description: requests are made from docs/openapi.yaml, by the rules and
against them, and answers are held to it.

`make fuzz-api` looks harder: at some 20,000 cases, with every check that there is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.wsgi import get_wsgi_application
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, unsupported_method

from conversations.api import events, stream, waiting
from conversations.api.outputs import EVENTS
from conversations.api.problems import PROBLEMS
from tests import factories
from tests.api.conftest import Api, new_api

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
SCHEMA = schemathesis.openapi.from_path(Path(django_settings.BASE_DIR) / "docs/openapi.yaml")
SCHEMA.config.generation.update(allow_x00=False)
# What is wrong may also be too large.
SCHEMA.config.checks.negative_data_rejection.expected_statuses.append("413")
SCHEMA.app = get_wsgi_application()
HARDER = "SCHEMATHESIS_EXAMPLES" in os.environ
OPERATIONS = {
    operation.ok().definition.raw["operationId"]: operation.ok()
    for operation in SCHEMA.get_all_operations()
    if isinstance(operation, Ok)
}


@pytest.fixture
def calls(transactional_db: None, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Api:
    settings.API_RATE = "1000000/min"
    # Nobody shall wait for an event that never comes.
    monkeypatch.setattr(events, "LONGEST_WAIT", 0)
    monkeypatch.setattr(stream, "LONGEST_ON_WSGI", 0)
    monkeypatch.setattr(waiting, "LONGEST_PREFERENCE", 0)
    return new_api()


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_api_is_as_described(calls: Api, operation: str, mode: GenerationMode) -> None:
    user = calls.user()
    own = {"userId": user, "conversationId": calls.start(userId=user)}
    cases = OPERATIONS[operation].as_strategy(generation_mode=mode)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
        database=None,
        # The same cases every time, unless somebody looks harder: what negative cases violate is
        # at times lost when they are written into an address, and such a one is rightly accepted.
        derandomize=not HARDER,
    )
    @given(case=cases, ours=st.booleans())
    def every_case(case: Any, ours: bool) -> None:
        # Made-up ids are nobody's: half of the time the bot's own go in their place.
        for name, value in own.items() if ours and mode == GenerationMode.POSITIVE else ():
            if name in (case.path_parameters or {}):
                case.path_parameters[name] = value
            if isinstance(case.body, dict) and isinstance(case.body.get(name), str):
                case.body[name] = value
        if mode == GenerationMode.NEGATIVE and _is_lost(case.query):
            return
        if mode == GenerationMode.POSITIVE and case.query:
            case.query.pop("cursor", None)  # only the API itself can make one
        if mode == GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body.pop("hitlSession", None)  # what may be in it is the help desk's matter
        case.call_and_validate(
            base_url="https://testserver",
            headers={"Authorization": f"Bearer {calls.key}"},
            excluded_checks=[] if HARDER else [ignored_auth, unsupported_method],
        )

    every_case()


def _is_lost(query: Any) -> bool:
    """Whether something wrong in the query is nothing once it is written into an address."""
    return any(
        value is None
        or isinstance(value, list | dict)
        or (name.startswith("tag.") and not isinstance(value, str))  # a tag's value is any text
        for name, value in (query or {}).items()
    )


RAW: dict[str, Any] = SCHEMA.raw_schema
DESCRIBED = {
    operation["operationId"]: (method, path, operation)
    for path, methods in RAW["paths"].items()
    for method, operation in methods.items()
}
ALWAYS = {400, 401, 403, 429, 500, 503}
WITH_BODY = {404, 409, 413, 415}  # ids and keys in it may be wrong, and so may the body itself


@pytest.mark.parametrize("operation", DESCRIBED)
def test_every_operation_is_described_with_examples(operation: str) -> None:
    method, _, found = DESCRIBED[operation]
    assert found["summary"]
    assert found["description"]
    assert all(parameter.get("description") for parameter in found.get("parameters", []))
    if method == "post":
        assert _examples(found["requestBody"])
    for status, answer in found["responses"].items():
        assert answer["description"], status
        assert _examples(answer), status


@pytest.mark.parametrize("operation", DESCRIBED)
def test_every_operation_has_its_error_cases(operation: str) -> None:
    method, path, found = DESCRIBED[operation]
    errors = {int(status) for status in found["responses"] if int(status) >= 400}
    assert errors >= ALWAYS | (WITH_BODY if method == "post" else {404} if "{" in path else set())
    for status in errors:
        content = found["responses"][str(status)]["content"]["application/problem+json"]
        for example in content["examples"].values():
            shown = example["value"]
            assert (shown["status"], shown["type"]) == (status, PROBLEMS[status].type)


@pytest.mark.parametrize("operation", DESCRIBED)
def test_every_operation_answers_its_error_cases(api: Api, operation: str) -> None:
    method, path, found = DESCRIBED[operation]
    address = f"/api/v1{path.removeprefix('/api/v1')}".format(
        conversationId="conv_nobodys", userId="user_nobodys"
    )

    def answered(key: str, query: str = "", **more: Any) -> int:
        call = getattr(Client(raise_request_exception=False), method)
        headers = {"Authorization": f"Bearer {key}"}
        answer = call(address + query, secure=True, headers=headers, **more)
        assert answer["Content-Type"] == "application/problem+json"
        return int(answer.status_code)

    powerless = factories.api_key(api.bot, scopes=[])[1]
    seen = {answered("unknown"), answered(powerless)}
    json = {"content_type": "application/json"}
    if method == "post":
        seen.add(answered(api.key, data="{", **json))
        seen.add(answered(api.key, data="x", content_type="text/plain"))
        seen.add(answered(api.key, data=f'{{"a": "{"x" * 2_000_000}"}}', **json))
        assert seen == {400, 401, 403, 413, 415}
    else:
        seen.add(answered(api.key, "?no-such-parameter=1"))
        assert seen == {400, 401, 403}
    if "{" in path:
        body = {"data": _first(found), **json} if method == "post" else {}
        assert answered(api.key, **body) == 404


def test_every_event_has_an_example() -> None:
    (body,) = RAW["webhooks"]["event"]["post"]["requestBody"]["content"].values()
    assert RAW["webhooks"]["event"]["post"]["summary"]
    assert {shown["value"]["type"] for shown in body["examples"].values()} == set(EVENTS)


def _examples(found: dict[str, Any]) -> bool:
    """Whether each content of a body has one."""
    return all(content.get("examples") for content in found["content"].values())


def _first(operation: dict[str, Any]) -> Any:
    """The first example of an operation's body."""
    (content,) = operation["requestBody"]["content"].values()
    return next(iter(content["examples"].values()))["value"]
