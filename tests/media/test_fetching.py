"""Agents' files: fetched at once, kept once, never fetched from where we must not go."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import responses
from django.test import Client
from pytest_django.fixtures import Settings

from conversations.engine.journal import DeliveryJournal
from conversations.flows import catching_up, fetching, file_types, inbound
from conversations.models import Conversation, Delivery, DeliveryState, Lane, MediaFile, Message
from providers.types import AgentMessage, Content
from tests.fake_desk import Desk

Say = Callable[..., AgentMessage]
Files = Callable[[], list[Path]]
Drain = Callable[..., None]

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
URL = "https://files.desk.example/cat.png?signature=s3cret"
OURS = "https://bridge.example.com/media/"


class Crash(BaseException):
    """The worker dies."""


def payload() -> dict[str, str]:
    return dict(Message.objects.get().payload)


def read(client: Client, address: str) -> bytes:
    assert address.startswith(OURS)
    answer = client.get(address.removeprefix("https://bridge.example.com"), secure=True)
    assert answer.status_code == 200
    return b"".join(answer)


def test_an_agents_image_arrives_with_our_address_that_needs_no_credentials(
    say: Say, callbacks: responses.RequestsMock, client: Client
) -> None:
    callbacks.get(URL, PNG, content_type="image/png")
    say(("image", {"imageUrl": URL, "title": "cat.png"}))
    told = [json.loads(call.request.body) for call in callbacks.calls if call.request.body]
    address = told[-1]["data"]["payload"]["imageUrl"]
    assert address == payload()["imageUrl"]
    assert address.endswith("/cat.png")
    assert read(client, address) == PNG


def test_a_file_that_needs_our_credentials_is_fetched_by_the_adapter(
    say: Say, desk: Desk, client: Client
) -> None:
    desk.files[URL] = PNG
    say(("image", {"imageUrl": URL}))
    assert read(client, payload()["imageUrl"]) == PNG


def test_files_in_cards_carousels_and_blocs_are_kept_too(
    say: Say, callbacks: responses.RequestsMock
) -> None:
    callbacks.get(URL, PNG)
    card = {"title": "Cat", "imageUrl": URL}
    say(
        ("carousel", {"items": [card, {"title": "No picture"}]}),
        ("bloc", {"items": [{"type": "file", "payload": {"fileUrl": URL, "title": "a"}}]}),
    )
    shown = json.dumps([message.payload for message in Message.objects.all()])
    assert shown.count(OURS) == 2
    assert URL not in shown


def test_messages_stay_in_order_behind_a_file(
    tell: Say, callbacks: responses.RequestsMock, drain: Drain, session: Conversation
) -> None:
    callbacks.get(URL, PNG)
    tell(("image", {"imageUrl": URL}), key="p1")
    tell(("text", {"text": "Look at this"}), key="p2")
    drain()
    assert [message.type for message in session.messages.order_by("sequence")] == ["image", "text"]


def test_a_file_that_is_too_large_keeps_its_link(
    say: Say, callbacks: responses.RequestsMock, settings: Settings, files: Files
) -> None:
    settings.MAX_MEDIA_BYTES = 10
    callbacks.get(URL, PNG)
    say(("image", {"imageUrl": URL}))
    assert payload()["imageUrl"] == URL
    assert not files()


def test_a_file_of_the_adapter_that_is_too_large_keeps_its_link(
    say: Say, desk: Desk, settings: Settings
) -> None:
    settings.MAX_MEDIA_BYTES = 10
    desk.files[URL] = PNG
    say(("image", {"imageUrl": URL}))
    assert payload()["imageUrl"] == URL


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_link_that_leads_nowhere_is_told_as_it_is_and_tried_once(
    say: Say,
    callbacks: responses.RequestsMock,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mock = callbacks.get(URL, status=status)
    say(("image", {"imageUrl": URL}))
    assert payload()["imageUrl"] == URL
    assert mock.call_count == 1
    assert "media_not_kept" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_help_desk_that_hiccups_is_tried_twice(
    say: Say, callbacks: responses.RequestsMock
) -> None:
    callbacks.get(URL, status=503)
    callbacks.get(URL, PNG)
    say(("image", {"imageUrl": URL}))
    assert payload()["imageUrl"].startswith(OURS)


def test_a_redirect_to_the_vendors_storage_is_followed(
    say: Say, callbacks: responses.RequestsMock, client: Client
) -> None:
    callbacks.get(URL, status=302, headers={"Location": "/stored/1"})
    callbacks.get("https://files.desk.example/stored/1", PNG)
    say(("image", {"imageUrl": URL}))
    assert read(client, payload()["imageUrl"]) == PNG


def test_redirects_without_end_are_given_up(say: Say, callbacks: responses.RequestsMock) -> None:
    mock = callbacks.get(URL, status=302, headers={"Location": URL})
    say(("image", {"imageUrl": URL}))
    assert payload()["imageUrl"] == URL
    assert mock.call_count == 1 + fetching.REDIRECTS


@pytest.fixture
def inside() -> Iterator[tuple[str, list[str]]]:
    """A server on a private address, and who has asked it for what."""
    asked: list[str] = []

    class Inside(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Inside) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/secret", asked
        server.shutdown()
        thread.join()


def test_a_private_address_is_not_fetched(
    say: Say, callbacks: responses.RequestsMock, inside: tuple[str, list[str]]
) -> None:
    url, asked = inside
    callbacks.add_passthru("http://127.0.0.1")
    say(("file", {"fileUrl": url}))
    assert payload()["fileUrl"] == url
    assert not asked
    assert not MediaFile.objects.exists()


def test_a_redirect_to_a_private_address_is_not_followed(
    say: Say, callbacks: responses.RequestsMock, inside: tuple[str, list[str]]
) -> None:
    url, asked = inside
    callbacks.add_passthru("http://127.0.0.1")
    callbacks.get(URL, status=302, headers={"Location": url})
    say(("file", {"fileUrl": URL}))
    assert payload()["fileUrl"] == URL
    assert not asked


@pytest.mark.parametrize(
    "url", ["ftp://files.example/a", "data:image/png;base64,AA", "http://[", "", None]
)
def test_what_is_no_web_address_stays_as_it_is(say: Say, url: str | None) -> None:
    say(("image", {"imageUrl": url}))
    assert payload()["imageUrl"] == url


def test_an_address_of_ours_is_not_fetched_again(
    say: Say, callbacks: responses.RequestsMock
) -> None:
    callbacks.get(URL, PNG)
    say(("image", {"imageUrl": URL}))
    address = payload()["imageUrl"]
    say(("image", {"imageUrl": address}), key="p2")
    assert MediaFile.objects.count() == 1


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch, drain: Drain) -> Callable[[object, str], None]:
    """Let a worker die where it would call this; then its lease is over."""

    def crash(where: object, name: str) -> None:
        def die(*_: object, **__: object) -> None:
            raise Crash

        with monkeypatch.context() as patch:
            patch.setattr(where, name, die)
            with pytest.raises(Crash):
                drain()
        Lane.objects.update(lease_until=None, lease_owner="")

    return crash


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (MediaFile, "save"),
        (file_types, "of_content"),
        (DeliveryJournal, "_record"),
        (inbound, "apply"),
    ],
    ids=["before the file", "before it is whole", "before noting it", "before applying it"],
)
def test_a_repeat_after_a_crash_keeps_one_file(  # noqa: PLR0917
    tell: Say,
    drain: Drain,
    crash: Callable[[object, str], None],
    desk: Desk,
    files: Files,
    where: object,
    name: str,
) -> None:
    desk.files[URL] = PNG
    tell(("image", {"imageUrl": URL}))
    crash(where, name)
    drain()
    kept = MediaFile.objects.get()
    assert kept.id in payload()["imageUrl"]
    assert [file.read_bytes() for file in files()] == [PNG]
    delivery = Delivery.objects.get(kind="receive")
    assert (delivery.state, delivery.crash_count) == (DeliveryState.DONE, 1)


def test_catching_up_fetches_nothing_that_was_taken_in_before(
    say: Say, callbacks: responses.RequestsMock, drain: Drain, session: Conversation
) -> None:
    mock = callbacks.get(URL, PNG)
    say(("image", {"imageUrl": URL}))
    catching_up.after_down_time()
    catching_up.start_due()
    drain()
    assert mock.call_count == 1
    assert session.messages.count() == 1


def test_catching_up_fetches_the_files_of_a_lost_message(
    desk: Desk, tell: Say, callbacks: responses.RequestsMock, drain: Drain
) -> None:
    callbacks.get(URL, PNG)
    tell(("text", {"text": "Hi"}), key="p0")
    lost = AgentMessage(
        remote_id=desk.happened[0].remote_id,
        key="lost",
        at=desk.happened[0].at,
        agent=desk.happened[0].agent,  # type: ignore[union-attr, arg-type]
        contents=(Content("image", {"imageUrl": URL}),),
    )
    desk.happened.append(lost)
    catching_up.after_down_time()
    catching_up.start_due()
    drain()
    assert Message.objects.get(type="image").payload["imageUrl"].startswith(OURS)


def test_a_full_disk_does_not_hold_the_message_up(
    say: Say, callbacks: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    callbacks.get(URL, PNG)
    monkeypatch.setattr("django.core.files.storage.FileSystemStorage._save", full)
    say(("image", {"imageUrl": URL}))
    assert payload()["imageUrl"] == URL
