"""Nobody gets at another tenant's anything through the API, webhooks, Botpress, OAuth or files.

Each address of the site is found by walking the resolver, and has a row in PLACES that says how a
foreign id is tried there; an address without one fails. Pages of the admin: test_isolation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from conversations.flows import media
from hitl_bridge import oauth
from hitl_bridge.models import Bot
from providers.types import AgentMessage, Content
from tests import fake_desk
from tests.security import routes
from tests.security.test_isolation import leaks
from tests.security.world import Side, changed, crossings, fingerprint

pytestmark = pytest.mark.django_db

# What comes back, and with which statuses that is right.
Tried = Iterator[tuple[Any, set[int]]]
NOT_THERE = {404}
Place = Callable[[Side, Side], Tried]


def api(own: Side, method: str, path: str, body: Any = None) -> Any:
    """A call with our own key."""
    call = getattr(Client(raise_request_exception=False), method)
    data = {"data": json.dumps(body), "content_type": "application/json"} if body else {}
    return call(f"/api/v1{path}", **data, headers={"Authorization": f"Bearer {own.key}"})


def public(route: str) -> Place:
    """It knows of no tenant, and shows nothing of any."""

    def tried(own: Side, foreign: Side) -> Tried:
        for query in ("", f"?tenant={foreign.tenant.pk}"):
            yield Client(raise_request_exception=False).get(f"/{route}{query}"), {200, 404, 503}

    return tried


def create_user(own: Side, foreign: Side) -> Tried:
    for desk in (foreign.desk.pk, foreign.desk.slug):
        yield (
            api(own, "post", "/actions/createUser", {"name": "x", "installation": desk}),
            NOT_THERE,
        )


def start(own: Side, foreign: Side) -> Tried:
    path, theirs = "/actions/startHitl", foreign.session.user_id
    yield api(own, "post", path, {"userId": theirs}), NOT_THERE
    ours = own.session.user_id
    for desk in (foreign.desk.pk, foreign.desk.slug):
        yield api(own, "post", path, {"userId": ours, "installation": desk}), NOT_THERE
    # The same id of a bot's chat is another chat for each bot.
    again = api(own, "post", path, {"userId": ours, "botConversationId": "zanzibar-chat"})
    assert again.json()["conversationId"] != foreign.session.pk
    yield again, {200}


def stop(own: Side, foreign: Side) -> Tried:
    body = {"conversationId": foreign.session.pk}
    yield api(own, "post", "/actions/stopHitl", body), NOT_THERE


def conversations(own: Side, foreign: Side) -> Tried:
    queries = (
        "", f"?tag.case={foreign.marker}-case", f"?installation={foreign.desk.pk}",
        f"?userId={foreign.session.user_id}", f"?botConversationId={foreign.marker}-chat",
    )  # fmt: skip
    for query in queries:
        yield api(own, "get", f"/conversations{query}"), {200, 400, 404, 422}


def conversation(own: Side, foreign: Side) -> Tried:
    yield api(own, "get", f"/conversations/{foreign.session.pk}"), NOT_THERE


def messages(own: Side, foreign: Side) -> Tried:
    path = f"/conversations/{foreign.session.pk}/messages"
    yield api(own, "get", path), NOT_THERE
    said = {"type": "text", "payload": {"text": "hi"}}
    yield api(own, "post", path, said), NOT_THERE
    theirs = {**said, "userId": foreign.session.user_id}
    yield api(own, "post", f"/conversations/{own.session.pk}/messages", theirs), {400, 404, 422}


def typing(own: Side, foreign: Side) -> Tried:
    yield api(own, "post", f"/conversations/{foreign.session.pk}/typing", {"a": 1}), NOT_THERE


def read(own: Side, foreign: Side) -> Tried:
    theirs = foreign.rows["conversations.Message"].pk
    body = {"messageId": theirs}
    yield api(own, "post", f"/conversations/{foreign.session.pk}/read", body), NOT_THERE
    yield api(own, "post", f"/conversations/{own.session.pk}/read", body), {400, 404, 422}


def user(own: Side, foreign: Side) -> Tried:
    yield api(own, "get", f"/users/{foreign.session.user_id}"), NOT_THERE


def availability(own: Side, foreign: Side) -> Tried:
    for desk in (foreign.desk.pk, foreign.desk.slug):
        yield api(own, "get", f"/availability?installation={desk}"), NOT_THERE


def events(own: Side, foreign: Side) -> Tried:
    answer = api(own, "get", "/events")
    assert answer.json()["items"]
    yield answer, {200}
    yield api(own, "get", f"/events?conversationId={foreign.session.pk}"), {200, 400, 422}


def stream(own: Side, foreign: Side) -> Tried:
    answer = api(own, "get", "/events/stream")
    pieces = iter(answer)
    told = next(pieces) + next(pieces)
    for close in answer._resource_closers:  # not `close`, which ends the test's connection
        close()
    assert own.session.pk.encode() in told
    assert foreign.session.pk.encode() not in told
    yield api(own, "head", "/events/stream"), {200}


def webhook(own: Side, foreign: Side) -> Tried:
    """Our help desk tells of their ticket; and their address, signed with our secret."""
    happened = AgentMessage(
        remote_id=foreign.session.remote_id, key="p1", at=fake_desk.NOW, agent=fake_desk.RUI,
        contents=(Content("text", {"text": "intruder"}),), account_id=foreign.desk.account_id,
    )  # fmt: skip
    fake_desk.desk.happened.append(happened)
    yield hook(own.desk.webhook_url, own.marker), {200}
    yield hook(foreign.desk.webhook_url, own.marker), {401}


def app_webhook(own: Side, foreign: Side) -> Tried:
    """Our app names their account, and their ticket."""
    type(foreign.desk).objects.update(account_id="same-account")
    yield from webhook(own, foreign)
    yield hook(own.app.webhook_url, own.marker), {200}
    yield hook(foreign.app.webhook_url, own.marker), {401}


def hook(url: str, secret: str) -> Any:
    path = url.removeprefix("https://bridge.example.com")
    return Client().post(path, b"p1", "application/json", headers={"x-secret": secret})


def botpress(own: Side, foreign: Side) -> Tried:
    """Each call with our token and their ids."""
    Bot.objects.update(connector="botpress")
    base = f"/botpress/{own.desk.bot_token}"
    theirs = {"remoteConversationId": foreign.session.pk, "remoteUserId": foreign.session.user_id}
    calls: dict[str, dict[str, Any]] = {
        "botSendsMessage": {**theirs, "payload": {"text": "hi"}},
        "createRemoteConversation": {"payload": {"title": "t", "userId": foreign.session.user_id}},
        "closeRemoteTicket": {"payload": {"botpressConversationId": "conv_x", **theirs}},
        "createRemoteUser": {"payload": {"name": "x", "userId": foreign.session.user_id}},
        "ping": {},
    }
    for name, body in calls.items():
        data = json.dumps({"type": name, **body})
        answer = Client(raise_request_exception=False).post(
            f"{base}/{name}", data, "application/json"
        )
        yield answer, NOT_THERE if name == "botSendsMessage" else {200, 400, 404, 409}


def file(own: Side, foreign: Side) -> Tried:
    """Our file's signature on their file."""
    ours, theirs = (
        media.address(side.kept).split("/media/")[1].split("/") for side in (own, foreign)
    )
    yield Client().get(f"/media/{theirs[0]}/{ours[1]}/{theirs[2]}"), NOT_THERE


def oauth_callback(own: Side, foreign: Side) -> Tried:
    """A flow of ours that names their installation, though nobody could sign that."""
    browser = own.client("operator")
    session = browser.session
    session[oauth.SESSION_KEY] = {"n": {"installation": foreign.desk.pk, "verifier": ""}}
    session.save()
    person = own.people["operator"].pk
    state = signing.dumps(["n", foreign.desk.pk, person], salt=oauth.SALT)
    address = reverse("oauth-callback", args=["fake"])
    answer = browser.get(address, {"state": state, "code": "good"})
    assert answer["Location"] == reverse("admin:hitl_bridge_installation_changelist")
    yield answer, {302}


PLACES: dict[str, Place] = {
    "schema": public("api/schema/"),
    "docs": public("api/docs/"),
    "readyz": public("readyz"),
    "metrics": public("metrics"),
    "unknown": public("api/v1/nothing"),
    "create-user": create_user,
    "start-hitl": start,
    "stop-hitl": stop,
    "conversations": conversations,
    "conversation": conversation,
    "messages": messages,
    "typing": typing,
    "read": read,
    "user": user,
    "availability": availability,
    "events": events,
    "event-stream": stream,
    "webhook": webhook,
    "app-webhook": app_webhook,
    "botpress": botpress,
    "media": file,
    "oauth-callback": oauth_callback,
}


def others() -> list[routes.Route]:
    return [route for route in routes.of_no_model() if not route.path.startswith("admin/")]


def test_every_address_has_a_place_in_the_matrix() -> None:
    names = {route.name for route in others()}
    assert names == set(PLACES), "say in PLACES how a foreign id is tried there"


@pytest.mark.parametrize("name", sorted(PLACES))
def test_foreign_ids_are_nobodys(
    own: Side, foreign: Side, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = {}
    if name not in {"botpress", "app-webhook"}:  # these set both sides up first
        before = fingerprint(foreign.tenant)
    seen = 0
    for answer, right in PLACES[name](own, foreign):
        before = before or fingerprint(foreign.tenant)
        assert answer.status_code in right, (answer.status_code, answer.content)
        given = (
            {foreign.session.pk, foreign.session.user_id} if answer.status_code == 404 else set()
        )
        assert not set(leaks(answer, foreign)) - given
        seen += 1
    assert seen
    assert not changed(before, fingerprint(foreign.tenant))
    assert not crossings()
    # What somebody asks for is theirs to say; what it stands for is not logged.
    for told in ("title", "text", "customer", "account"):
        assert f"{foreign.marker} {told}" not in caplog.text


@pytest.mark.parametrize("name", [name for name in PLACES if name in {
    "conversation", "messages", "typing", "user", "stop-hitl",
}])  # fmt: skip
def test_our_own_ids_are_ours(own: Side, name: str) -> None:
    """Or the test above would be content with an API that finds nothing."""
    for answer, _ in PLACES[name](own, own):
        assert answer.status_code < 300, answer.content


def test_a_foreign_key_is_no_key_here(own: Side, foreign: Side) -> None:
    """The same address with the foreign bot's key is not found either way."""
    path = f"/conversations/{own.session.pk}"
    assert api(own, "get", path).status_code == 200
    assert api(foreign, "get", path).status_code == 404
