"""The API keeps to its own description: requests are made from docs/openapi.yaml, by the rules and
against them, and answers are held to it.

`SCHEMATHESIS_EXAMPLES=2000 pytest tests/api/test_schema.py` looks harder.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, unsupported_method

from conversations.api import events, waiting
from tests.api.conftest import Api, new_api

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "20"))
SCHEMA = schemathesis.openapi.from_path(Path(django_settings.BASE_DIR) / "docs/openapi.yaml")
SCHEMA.config.generation.update(allow_x00=False)
APP = get_wsgi_application()
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
        derandomize="SCHEMATHESIS_EXAMPLES" not in os.environ,
    )
    @given(case=cases, ours=st.booleans())
    def every_case(case: Any, ours: bool) -> None:
        # Made-up ids are nobody's: half of the time the bot's own go in their place.
        for name, value in own.items() if ours and mode == GenerationMode.POSITIVE else ():
            if name in (case.path_parameters or {}):
                case.path_parameters[name] = value
            if isinstance(case.body, dict) and isinstance(case.body.get(name), str):
                case.body[name] = value
        if mode == GenerationMode.POSITIVE and case.query:
            case.query.pop("cursor", None)  # only the API itself can make one
        if mode == GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body.pop("hitlSession", None)  # what may be in it is the help desk's matter
        case.call_and_validate(
            app=APP,
            base_url="https://testserver",
            headers={"Authorization": f"Bearer {calls.key}"},
            excluded_checks=[ignored_auth, unsupported_method],
        )

    every_case()
