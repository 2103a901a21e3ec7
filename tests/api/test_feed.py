import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import AsyncClient

from conversations.api import events as events_api
from conversations.api import waiting
from conversations.flows import feed
from conversations.flows.events import emit
from conversations.flows.locking import locked
from conversations.models import Conversation, Event, EventType
from tests.api.conftest import Api, in_own_thread, new_api

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api(transactional_db: None) -> Api:
    return new_api()


def happen(conversation: str, key: str) -> None:
    with transaction.atomic():
        emit(locked(conversation), EventType.TRANSFERRED, {"to": key}, key)


def told(page: Any) -> list[str]:
    return [event["data"]["to"] for event in page["items"]]


async def listen(api: Api, query: str = "") -> Any:
    answer = await AsyncClient().get(f"/api/v1/events{query}", secure=True, headers=api.headers())
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_the_feed_begins_at_the_beginning_and_goes_on(api: Api) -> None:
    conversation = api.start(botConversationId="chat-1", tags={"order": "1"})
    empty = api.get("/events").json()
    assert empty == {"items": [], "nextCursor": "0"}
    for name in "abc":
        happen(conversation, name)
    page = api.get(f"/events?after={empty['nextCursor']}&limit=2").json()
    assert told(page) == ["a", "b"]
    first = page["items"][0]
    assert set(first) == {"id", "type", "timestamp", "sequence", "data"}
    assert first["data"]["conversationId"] == conversation
    assert first["data"]["botConversationId"] == "chat-1"
    assert first["data"]["tags"] == {"order": "1"}
    rest = api.get(f"/events?after={page['nextCursor']}").json()
    assert told(rest) == ["c"]
    assert isinstance(rest["nextCursor"], str)
    assert api.get(f"/events?after={rest['nextCursor']}").json()["nextCursor"] == rest["nextCursor"]


def test_the_feed_is_the_bots_own(api: Api) -> None:
    happen(api.start(), "a")
    assert new_api().get("/events").json()["items"] == []


@pytest.mark.parametrize(
    "query", ["after=x", "after=-1", "after=1e3", "after=99999999999999999999", "wait=x", "limit=0"]
)
def test_what_is_no_cursor_is_refused(api: Api, query: str) -> None:
    answer = api.get(f"/events?{query}")
    assert answer.status_code == 400
    assert answer.json()["field"] == query.partition("=")[0]


@pytest.mark.parametrize("way", ["wsgi", "asgi"])
def test_what_happens_meanwhile_ends_the_wait(api: Api, way: str) -> None:
    conversation = api.start()
    later = threading.Timer(0.6, in_own_thread(happen), (conversation, "a"))
    later.start()
    begun = time.monotonic()
    if way == "asgi":
        page = asyncio.run(listen(api, "?wait=10"))
    else:
        page = api.get("/events?wait=10").json()
    later.join()
    assert told(page) == ["a"]
    assert 0.5 < time.monotonic() - begun < 9


@pytest.mark.parametrize("way", ["wsgi", "asgi"])
def test_a_wait_has_an_end(api: Api, way: str) -> None:
    begun = time.monotonic()
    page = (
        asyncio.run(listen(api, "?wait=1")) if way == "asgi" else api.get("/events?wait=1").json()
    )
    assert page == {"items": [], "nextCursor": "0"}
    assert 0.9 < time.monotonic() - begun < 4


def test_what_another_process_has_numbered_ends_the_wait(api: Api) -> None:
    conversation = api.start()

    def elsewhere() -> None:
        happen(conversation, "a")
        feed.number(api.bot)

    later = threading.Timer(0.6, in_own_thread(elsewhere))
    later.start()
    page = asyncio.run(listen(api, "?wait=10"))
    later.join()
    assert told(page) == ["a"]


def test_many_listeners_share_one_look_and_few_threads(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    latest = feed.latest

    def counted(bots: set[int]) -> dict[int, int]:
        looks.append(len(bots))
        return latest(bots)

    monkeypatch.setattr(feed, "latest", counted)
    others = [new_api() for _ in range(3)]
    conversation = api.start()

    async def all_listen() -> list[Any]:
        listeners = [listen(each, "?wait=3") for each in (api, *others) for _ in range(10)]
        tasks = [asyncio.create_task(listener) for listener in listeners]
        await asyncio.sleep(1.2)
        threads = threading.active_count()
        await asyncio.to_thread(in_own_thread(happen), conversation, "a")
        pages = list(await asyncio.gather(*tasks))
        assert threads < 20
        return pages

    pages = asyncio.run(all_listen())
    assert [told(page) for page in pages] == [["a"]] * 10 + [[]] * 30
    assert len(looks) < 40
    assert max(looks) > 1


def test_a_listener_who_hangs_up_is_forgotten(api: Api) -> None:
    listeners = waiting.Listeners()

    async def hang_up() -> None:
        listener = waiting.Listener(api.bot.pk, 0, after=0)
        task = asyncio.create_task(listeners.wait(listener, 30))
        await asyncio.sleep(0.05)
        assert listeners._waiting
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not listeners._waiting

    asyncio.run(hang_up())


def test_waiting_on_wsgi_holds_few_threads_only(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "feed_slots", waiting.Slots(1))
    begun = time.monotonic()
    first = threading.Thread(target=in_own_thread(api.get), args=("/events?wait=5",))
    first.start()
    time.sleep(0.5)
    assert api.get("/events?wait=30").json()["items"] == []
    assert time.monotonic() - begun < 4.5
    first.join()


def test_long_waits_are_cut(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_api, "LONGEST_WAIT", 1)
    begun = time.monotonic()
    assert api.get("/events?wait=3000").status_code == 200
    assert time.monotonic() - begun < 4


def test_positions_have_no_doubles_under_many_readers(api: Api) -> None:
    conversation = api.start()
    seen: list[list[str]] = []

    def write(first: int) -> None:
        for number in range(first, first + 15):
            happen(conversation, str(number))

    def read() -> None:
        found: list[str] = []
        cursor = "0"
        until = time.monotonic() + 20
        while len(found) < 30 and time.monotonic() < until:
            page = api.get(f"/events?after={cursor}").json()
            found += told(page)
            cursor = page["nextCursor"]
        seen.append(found)

    work: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
        (write, (0,)), (write, (15,)), (read, ()), (read, ()),
    ]  # fmt: skip
    threads = [threading.Thread(target=in_own_thread(do), args=args) for do, args in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] == seen[1]
    assert sorted(seen[0], key=int) == [str(n) for n in range(30)]
    rows = Event.objects.order_by("position").values_list("sequence", flat=True)
    assert list(rows) == sorted(rows)


@pytest.mark.postgres
def test_an_event_that_commits_late_is_not_passed_over(api: Api) -> None:
    slow, fast = api.start(), api.start()
    inserted, read = threading.Event(), threading.Event()

    def commit_late() -> None:
        with transaction.atomic():
            emit(locked(slow), EventType.TRANSFERRED, {"to": "slow"}, "slow")
            inserted.set()
            assert read.wait(10)

    thread = threading.Thread(target=in_own_thread(commit_late))
    thread.start()
    assert inserted.wait(10)
    happen(fast, "fast")
    assert Event.objects.count() == 1
    page = api.get("/events").json()
    assert told(page) == ["fast"]
    read.set()
    thread.join()
    assert told(api.get(f"/events?after={page['nextCursor']}").json()) == ["slow"]
    numbers = list(Event.objects.order_by("position").values_list("pk_number", flat=True))
    assert numbers == sorted(numbers, reverse=True)
    assert Conversation.objects.count() == 2
