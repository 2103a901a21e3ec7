"""`manage.py providers`: what each help desk needs and can do."""

import io
import json

from django.core.management import call_command

import providers


def said(*options: str) -> str:
    out = io.StringIO()
    call_command("providers", *options, stdout=out)
    return out.getvalue()


def test_it_describes_every_help_desk_as_json() -> None:
    described = json.loads(said("--json"))
    assert list(described) == list(providers.PROVIDERS)
    secret = next(
        item for item in described["intercom"]["credentials"] if item["name"] == "client_secret"
    )
    assert secret["secret"]
    assert secret["required"]
    assert secret["level"] == "app or installation"
    region = next(i for i in described["intercom"]["settings"] if i["name"] == "region")
    assert region["default"] == "us"
    assert [choice["value"] for choice in region["choices"]] == ["us", "eu", "au"]
    assert described["intercom"]["capabilities"]["files"] is True
    assert "conversation.admin.replied" in described["intercom"]["webhook_topics"]


def test_it_describes_them_for_people() -> None:
    text = said()
    assert "Intercom (intercom)" in text
    assert "Client secret: required; secret; may stand in an app" in text
    assert "Region: optional; one of us, eu, au; default us" in text
