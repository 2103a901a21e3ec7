"""The events as a stream: the same as in the feed, from where the client was."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.utils import timezone

from conversations.api import stream, waiting
from conversations.api.waiting import Stopping
from conversations.engine.hub import Hub
from conversations.flows import feed, passing
from conversations.models import Conversation, EventType
from hitl_bridge.models import ApiKey
from tests.api.conftest import Api, in_own_thread, new_api
from tests.api.test_feed import happen

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/v1/events/stream"


@pytest.fixture
def api(transactional_db: None) -> Api:
    return new_api()


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.REDIS_URL = ""
    monkeypatch.setattr(waiting, "LOOK_EVERY", 0.02)


Frame = dict[str, str]


def frames_of(piece: bytes) -> list[Frame]:
    """The events in a piece of the stream, each as its fields."""
    blocks = [block for block in piece.decode().split("\n\n") if block]
    return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]


class Open:
    """A stream that is being read."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self._pieces = aiter(answer)

    async def events(self) -> list[Frame]:
        """The next events."""
        while True:
            piece = await asyncio.wait_for(anext(self._pieces), 10)
            if found := [frame for frame in frames_of(piece) if "event" in frame]:
                return found

    async def ended(self) -> bool:
        """Whether nothing comes any more."""
        async with asyncio.timeout(10):
            return not [frame async for frame in self._pieces]


@asynccontextmanager
async def opened(api: Api, query: str = "", **headers: str) -> AsyncIterator[Open]:
    answer = await AsyncClient().get(URL + query, secure=True, headers=api.headers(**headers))
    assert answer.status_code == 200, answer.content
    try:
        reading = Open(answer)
        assert await anext(reading._pieces) == b"retry: 2000\n\n"
        yield reading
    finally:
        await reading._pieces.aclose()


async def elsewhere(do: Callable[..., Any], *args: Any) -> None:
    await asyncio.to_thread(in_own_thread(do), *args)


def test_a_stream_has_what_was_and_what_comes(api: Api) -> None:
    conversation = api.start(botConversationId="chat-1")
    happen(conversation, "a")

    async def read() -> list[Frame]:
        async with opened(api) as stream_:
            found = await stream_.events()
            await elsewhere(happen, conversation, "b")
            return found + await stream_.events()

    found = asyncio.run(read())
    assert [frame["event"] for frame in found] == ["hitlTransferred"] * 2
    page = api.get("/events").json()
    assert [json.loads(frame["data"]) for frame in found] == page["items"]
    assert found[-1]["id"] == page["nextCursor"]


@pytest.mark.parametrize("how", ["header", "query", "header wins"])
def test_who_comes_back_goes_on_where_it_was(api: Api, how: str) -> None:
    conversation = api.start()
    for name in "abc":
        happen(conversation, name)
    query = {"header": "", "query": "?after=2", "header wins": "?after=0"}[how]
    headers = {} if how == "query" else {"Last-Event-ID": "2"}

    async def read() -> list[Frame]:
        async with opened(api, query, **headers) as stream_:
            return await stream_.events()

    assert [frame["id"] for frame in asyncio.run(read())] == ["3"]


def test_many_events_come_in_order_and_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed.read, "__defaults__", (3,))  # events on a page
    conversation = api.start()
    for number in range(8):
        happen(conversation, str(number))

    async def read() -> list[Frame]:
        found: list[Frame] = []
        async with opened(api) as stream_:
            while len(found) < 8:
                found += await stream_.events()
        return found

    assert [json.loads(frame["data"])["data"]["to"] for frame in asyncio.run(read())] == [
        str(number) for number in range(8)
    ]


def test_a_silent_stream_is_kept_alive(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0.1)

    async def read() -> bytes:
        async with opened(api) as stream_:
            return await anext(stream_._pieces)

    assert asyncio.run(read()) == b": keep-alive\n\n"


def test_a_stream_is_the_bots_own(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0.1)
    happen(api.start(), "a")

    async def read() -> bytes:
        async with opened(new_api_there) as stream_:
            return await anext(stream_._pieces)

    new_api_there = new_api()
    assert asyncio.run(read()) == b": keep-alive\n\n"


def revoke(api: Api) -> None:
    ApiKey.objects.filter(bot=api.bot).update(revoked_at=timezone.now())


def lose_scope(api: Api) -> None:
    ApiKey.objects.filter(bot=api.bot).update(scopes=["read"])


def disable(api: Api) -> None:
    type(api.bot).objects.filter(pk=api.bot.pk).update(enabled=False)


@pytest.mark.parametrize("do", [revoke, lose_scope, disable])
def test_who_may_not_listen_any_more_is_let_go(
    api: Api, monkeypatch: pytest.MonkeyPatch, do: Callable[[Api], None]
) -> None:
    monkeypatch.setattr(waiting, "KEYS_EVERY", 0.05)

    async def read() -> bool:
        async with opened(api) as stream_:
            await elsewhere(do, api)
            return await stream_.ended()

    assert asyncio.run(read())


def test_a_long_poll_by_a_revoked_key_ends_in_a_401(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "KEYS_EVERY", 0.05)

    async def read() -> int:
        asking = AsyncClient().get("/api/v1/events?wait=20", secure=True, headers=api.headers())
        task = asyncio.create_task(asking)
        await asyncio.sleep(0.3)
        await elsewhere(revoke, api)
        return (await asyncio.wait_for(task, 10)).status_code

    assert asyncio.run(read()) == 401


def test_streams_end_when_the_server_is_told_to_stop(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    monkeypatch.setattr(Stopping, "asked", False)

    async def read() -> bool:
        async with opened(api) as stream_:
            Stopping._noted(lambda number, frame: told.append(number), 15, None)
            return await stream_.ended()

    assert asyncio.run(read())
    assert told == [15]  # the server's own handler


@pytest.mark.parametrize("way", ["asgi", "wsgi"])
def test_no_proxy_holds_a_stream_back(api: Api, way: str) -> None:
    async def over_asgi() -> Any:
        async with opened(api) as stream_:
            return stream_.answer

    answer = asyncio.run(over_asgi()) if way == "asgi" else api.get("/events/stream")
    assert answer["Content-Type"] == "text/event-stream"
    assert answer["X-Accel-Buffering"] == "no"
    assert "no-transform" in answer["Cache-Control"]
    answer.close()


def test_a_process_of_few_threads_streams_to_few(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "feed_slots", waiting.Slots(1))
    happen(api.start(), "a")
    first = api.get("/events/stream")
    pieces = iter(first.streaming_content)
    assert next(pieces) == b"retry: 2000\n\n"
    assert frames_of(next(pieces))[0]["id"] == "1"
    refused = api.get("/events/stream")
    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert "long poll" in refused.json()["detail"]
    first.close()
    again = api.get("/events/stream")
    assert again.status_code == 200
    again.close()


def test_a_stream_on_a_thread_ends_for_others_to_have_their_turn(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "feed_slots", waiting.Slots(1))
    monkeypatch.setattr(stream, "LONGEST_ON_WSGI", 0.0)
    for _ in range(2):
        assert b"".join(api.get("/events/stream").streaming_content) == b""


def test_asking_for_the_head_opens_nothing(api: Api) -> None:
    answer = Client().head(URL, secure=True, headers=api.headers())
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream")
    assert not answer.streaming


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [("?after=x", {}, "after"), ("", {"Last-Event-ID": "evt_1"}, "Last-Event-ID")],
)
def test_what_is_no_place_in_the_feed_is_refused(
    api: Api, query: str, headers: dict[str, str], field: str
) -> None:
    answer = api.get("/events/stream" + query, **headers)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_what_is_told_in_passing_reaches_streams_and_polls_and_has_no_place(api: Api) -> None:
    conversation = api.start()
    happen(conversation, "a")

    def type_() -> None:
        row = Conversation.objects.select_related("bot").get(pk=conversation)
        passing.tell(row, EventType.TYPING)

    async def read() -> tuple[Frame, Any, list[Frame]]:
        async with opened(api) as stream_:
            await stream_.events()
            asking = AsyncClient().get(
                "/api/v1/events?after=1&wait=20", secure=True, headers=api.headers()
            )
            poll = asyncio.create_task(asking)
            await asyncio.sleep(0.3)
            await elsewhere(type_)
            typing = await stream_.events()
            page = (await asyncio.wait_for(poll, 10)).json()
            await elsewhere(happen, conversation, "b")
            return typing[0], page, await stream_.events()

    typing, page, after = asyncio.run(read())
    assert "id" not in typing
    assert page == {"items": [json.loads(typing["data"])], "nextCursor": "1"}
    event = page["items"][0]
    assert (event["type"], event["sequence"]) == ("typing", 0)
    assert [json.loads(frame["data"])["sequence"] for frame in after] == [2]
    assert [item["type"] for item in api.get("/events").json()["items"]] == ["hitlTransferred"] * 2


def test_a_note_reaches_no_other_bot(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE", 0.3)
    conversation = api.start()
    other = new_api()

    def type_() -> None:
        row = Conversation.objects.select_related("bot").get(pk=conversation)
        passing.tell(row, EventType.TYPING)

    async def read() -> bytes:
        async with opened(other) as stream_:
            await elsewhere(type_)
            return await anext(stream_._pieces)

    assert asyncio.run(read()) == b": keep-alive\n\n"


@pytest.mark.redis
def test_notes_go_from_process_to_process(
    monkeypatch: pytest.MonkeyPatch, settings: Any, redis_url: str
) -> None:
    """Two hubs stand for two processes; Redis carries the ids."""
    from_here, there = Hub(), Hub()
    settings.REDIS_URL = redis_url
    there.listen()
    heard = threading.Event()
    monkeypatch.setattr(there, "_keep", lambda note: heard.set() if note["bot"] == 7 else None)
    for _ in range(100):
        from_here.send({"bot": 7})
        if heard.wait(0.1):
            return
    pytest.fail("nothing was heard")


def test_who_comes_while_keys_are_looked_at_is_not_let_go(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "KEYS_EVERY", -1.0)
    looked = asyncio.Event()
    first, late = (
        waiting.Listener(key.bot_id, key.pk, after=0)
        for key in (ApiKey.objects.get(bot=one.bot) for one in (api, new_api()))
    )

    async def come_late() -> bool:
        listeners = waiting.Listeners()
        shared = waiting._shared

        async def slowly(do: Any, *args: Any) -> Any:
            found = await shared(do, *args)
            if do is waiting.usable:
                looked.set()
                await asyncio.sleep(0.1)
            return found

        monkeypatch.setattr(waiting, "_shared", slowly)
        task = asyncio.create_task(listeners.wait(first, 1))
        await looked.wait()
        other = asyncio.create_task(listeners.wait(late, 0.2))
        await asyncio.gather(task, other)
        return first.refused or late.refused

    assert not asyncio.run(come_late())
