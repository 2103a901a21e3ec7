import json
import logging
from typing import Any

import pytest
import structlog

from config import logs


@pytest.fixture
def formatted() -> Any:
    """Return a function that gives the JSON line written for a record of the standard library."""
    formatter_config = logs.configure("INFO", "json")["formatters"]["structured"]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=formatter_config["foreign_pre_chain"],
        processors=formatter_config["processors"],
    )

    def line(message: str, *args: object, exc_info: Any = None) -> dict[str, Any]:
        record = logging.LogRecord("a", logging.INFO, "f", 1, message, args, exc_info)
        return dict(json.loads(formatter.format(record)))

    return line


@pytest.mark.parametrize(
    "name",
    "authorization Authorization access_token accessToken client_secret X-Api-Key password text "
    "message_text body payload credentials signature cookies".split(),
)
def test_it_hides_secrets_and_texts_at_any_depth(name: str) -> None:
    event = {"event": "x", "outer": [{name: "hush"}], name: {"a": "hush"}}
    assert "hush" not in repr(logs.redact(None, "info", event))


@pytest.mark.parametrize(
    "name", ["context", "key_prefix", "conversation_id", "monkey", "tokens_left"]
)
def test_it_leaves_other_names_alone(name: str) -> None:
    assert logs.redact(None, "info", {name: "shown"}) == {name: "shown"}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("POST /webhooks/intercom/tok_abc", "POST /webhooks/intercom/[hidden]"),
        ("POST /webhooks/intercom/app/tok_abc", "POST /webhooks/intercom/app/[hidden]"),
        ("GET /botpress/tok_abc/ping", "GET /botpress/[hidden]/ping"),
        ("GET /oauth/intercom/callback?code=tok_abc", "GET /oauth/intercom/callback?[hidden]"),
        ("see https://a.example/x?sig=tok_abc ok", "see https://a.example/x?[hidden] ok"),
        ("Is it /livez?", "Is it /livez?"),
    ],
)
def test_it_hides_what_addresses_carry(formatted: Any, address: str, shown: str) -> None:
    assert formatted("%s", address)["event"] == shown


def test_it_prints_a_traceback_without_the_values_of_variables(formatted: Any) -> None:
    def fail(hush: str) -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong") as caught:
        fail("from-" + "a-variable")
    line = formatted("failed", exc_info=(caught.type, caught.value, caught.tb))
    assert "ValueError: wrong" in line["exception"]
    assert "from-a-variable" not in json.dumps(line)
