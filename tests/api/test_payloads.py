"""Whatever comes as JSON is accepted or refused, never an error of ours; and the two agree with
what is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from conversations.api import examples, inputs, outputs
from conversations.api.bodies import _require_storable
from conversations.api.payloads import HISTORY, MESSAGE_TYPES, MESSAGES
from conversations.api.shapes import OneOf, Shape
from conversations.models import EventType, Message
from providers.render import as_text
from tests.api.conftest import Api

ADDRESS = "https://example.com/a.png"
CARD = {
    "title": "Boots",
    "subtitle": "Size 40",
    "imageUrl": ADDRESS,
    "actions": [{"action": "url", "label": "See", "value": "https://example.com"}],
}
VALID: dict[str, Any] = {
    "text": {"text": "Hello"},
    "image": {"imageUrl": ADDRESS, "title": "A picture"},
    "audio": {"audioUrl": ADDRESS},
    "video": {"videoUrl": "http://127.0.0.1:9000/v.mp4"},
    "file": {"fileUrl": "http://files:9000/a b.pdf".replace(" ", "%20")},
    "location": {"latitude": 38.72, "longitude": -9, "address": "Rua", "title": "Home"},
    "card": CARD,
    "carousel": {"items": [CARD, {"title": "Hat"}]},
    "choice": {"text": "Which?", "options": [{"label": "A", "value": "a"}, {"label": "B"}]},
    "dropdown": {"text": "Which?", "options": []},
    "markdown": {"markdown": "**Hello**"},
    "bloc": {"items": [{"type": "markdown", "payload": {"markdown": "x"}}]},
}

words = st.sampled_from(
    "type payload text items title imageUrl actions action label value options userId source "
    "latitude longitude name tags email markdown card bloc user bot choice".split()
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | words,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words | st.text(), inner, max_size=6)
    ),
    max_leaves=20,
)
near_misses = st.fixed_dictionaries(
    {
        "type": st.sampled_from(MESSAGE_TYPES),
        "payload": st.sampled_from(list(VALID.values())) | json_values,
    },
    optional={"userId": json_values, "additionalData": json_values},
)


def test_every_type_of_the_interface_is_known() -> None:
    assert set(VALID) == set(MESSAGE_TYPES)


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
def test_valid_messages_are_kept_as_they_came(api: Api, kind: str) -> None:
    message = {"type": kind, "payload": {**VALID[kind], "unknown": "is left out"}}
    answer = api.post(f"/conversations/{api.start()}/messages", message)
    assert answer.status_code == 202, answer.content
    stored = Message.objects.get()
    assert stored.payload == VALID[kind]
    assert as_text(kind, stored.payload)


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
def test_every_type_may_stand_in_the_history(api: Api, kind: str) -> None:
    entry = {"source": {"type": "user", "userId": "u"}, "type": kind, "payload": VALID[kind]}
    id_ = api.start(messageHistory=[entry])
    assert api.get(f"/conversations/{id_}").json()["history"] == [entry]


@pytest.mark.django_db
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=json_values | near_misses)
def test_no_message_is_ever_an_error_of_ours(api: Api, body: Any) -> None:
    conversation = getattr(api, "conversation", None) or api.start()
    api.conversation = conversation  # type: ignore[attr-defined]
    data = json.dumps(body).encode()
    answer = api.post(f"/conversations/{conversation}/messages", data)
    assert answer.status_code in {202, 400, 404, 429}, answer.content
    if answer.status_code == 202:
        stored = Message.objects.get(pk=answer.json()["messageId"])
        as_text(stored.type, stored.payload)


@settings(max_examples=300, deadline=None)
@given(body=json_values)
def test_no_body_breaks_the_checks(body: Any) -> None:
    for check in (inputs.CreateUser(), inputs.StartHitl(), inputs.StopHitl(), OneOf("X", HISTORY)):
        try:
            _require_storable(body)
            check.run_validation(body)
        except ValidationError:
            continue


@pytest.mark.parametrize(
    ("shape", "example"),
    [
        (inputs.CreateUser, examples.CREATE_USER),
        (inputs.StartHitl, examples.START_HITL),
        (inputs.StopHitl, examples.STOP_HITL),
        (MESSAGES["text"], examples.TEXT_MESSAGE),
        (MESSAGES["image"], examples.IMAGE_MESSAGE),
        (MESSAGES["bloc"], examples.BLOC_MESSAGE),
    ],
)
def test_examples_of_requests_are_valid(shape: type[Shape], example: Any) -> None:
    assert shape().run_validation(example) == example


@pytest.mark.parametrize("type_", EventType.values)
def test_examples_of_events_are_complete(type_: str) -> None:
    example = examples.EVENTS[type_]
    assert example["type"] == type_
    assert set(example) == set(outputs.EVENTS[type_]().fields)
    data = outputs.EVENTS[type_]().fields["data"]
    assert isinstance(data, Shape)
    required = {name for name, field in data.fields.items() if field.required}
    assert required <= set(example["data"]) <= set(data.fields)
