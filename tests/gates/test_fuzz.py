"""A few hundred forged and broken webhooks per help desk; `make fuzz` sends 100,000 of each."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from bench.fuzz.vendors import VENDORS
from bench.fuzz.webhooks import Fuzz
from hitl_bridge.models import Installation

pytestmark = pytest.mark.django_db
REQUESTS = 300


@pytest.mark.parametrize("slug", VENDORS)
def test_no_forged_webhook_is_accepted_and_no_broken_one_fails(
    slug: str, settings: Settings
) -> None:
    settings.WEBHOOKS_PER_MINUTE = 0
    outcome = Fuzz(VENDORS[slug](), seed=7).run(REQUESTS)
    assert outcome.good, [*outcome.failed, *outcome.accepted, *outcome.refused][:3]
    assert outcome.answers["200 signed"] > REQUESTS / 10  # or it proves nothing
    assert outcome.answers["401 forged"] > REQUESTS / 10


@pytest.mark.parametrize("slug", VENDORS)
@pytest.mark.parametrize("secret", [b"\\ud800", b"", b"\\u0000", b"null"])
def test_half_a_character_in_a_secret_is_a_wrong_secret(slug: str, secret: bytes) -> None:
    vendor = VENDORS[slug]()
    fuzz = Fuzz(vendor, seed=1)
    assert Installation.objects.get().provider == slug
    body = b'{"secret_key": "' + secret + b'", "action": "incoming_event"}'
    assert fuzz._send(0, body, {vendor.header: "\u00e9"}) == 401
