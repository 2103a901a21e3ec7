"""The transcript, finding a conversation, and ending one that is stuck."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations.admin.conversations import PAGE
from conversations.flows import ending, inbound
from conversations.flows.locking import locked
from conversations.flows.messages import NewMessage, send_message
from conversations.models import Conversation, DeliveryKind, Message, StopReason
from providers.types import Agent, AgentAssigned, AgentMessage, Content, TicketTransferred
from tests import factories
from tests.admin.pages import act, list_of, page_of, said

pytestmark = pytest.mark.django_db

EVIL = "<script>alert(1)</script>"
HISTORY = [
    {"type": "text", "payload": {"text": f"My invoice {EVIL}"}, "source": {"type": "user"}},
    {"type": "text", "payload": {"text": "A human comes"}, "source": {"type": "bot"}},
    {"type": "carousel", "payload": {"items": "odd"}, "source": "odd"},
    "odd",
]


@pytest.fixture
def talk(db) -> Conversation:
    desk = factories.installation()
    ana = factories.user(
        desk.bot, name=f"Ana {EVIL}", email="ana@example.org", phone="+351912345678",
        tags={"crm": "c-77"},
    )  # fmt: skip
    talk = factories.conversation(
        desk, user=ana, title=f"Invoice {EVIL}", transcript=HISTORY, bot_conversation_id="chat-1",
        tags={"order": "4711"},
    )  # fmt: skip
    Conversation.objects.update(remote_id="t-1", remote_url="javascript:alert(1)")
    talk.refresh_from_db()
    return talk


def happen(talk: Conversation, *events) -> None:
    with transaction.atomic():
        inbound.apply(locked(talk.pk), events)


def agent_says(talk: Conversation, key: str, *contents: Content) -> None:
    at = timezone.now()
    rui = Agent("9", f"Rui {EVIL}", picture_url="https://desk.example/rui.png")
    happen(talk, AgentMessage(remote_id="t-1", key=key, at=at, agent=rui, contents=contents))


def read(browser, talk: Conversation, query: str = "") -> str:
    return str(browser.get(page_of(talk) + query).content.decode())


def test_the_transcript_reads_like_a_chat(browser, talk) -> None:
    new = NewMessage("text", {"text": "Are you there?"}, user_id=talk.user_id)
    send_message(talk.bot, talk.pk, new)
    agent_says(talk, "k1", Content("markdown", {"markdown": "**Yes**"}))
    html = read(browser, talk)
    parts = ["My invoice", "A human comes", "Handed over to a human", "Are you there?"]
    parts += ["Assigned to Rui", "**Yes**"]
    places = [html.index(part) for part in parts]
    assert places == sorted(places)
    assert "On its way" in html
    assert "order" in html
    assert "4711" in html
    assert "c-77" in html
    assert "chat-1" in html


def test_nothing_that_was_said_runs(browser, talk) -> None:
    agent_says(
        talk,
        "k1",
        Content("text", {"text": EVIL}),
        Content("image", {"imageUrl": "javascript:alert(1)", "title": EVIL}),
        Content("file", {"fileUrl": 'https://x.example/"onload="alert(1)', "title": EVIL}),
        Content("card", {"title": EVIL, "actions": [{"label": EVIL, "action": "url"}]}),
    )
    html = read(browser, talk) + browser.get(list_of(Conversation)).content.decode()
    assert EVIL not in html
    assert 'href="javascript' not in html
    assert 'src="javascript' not in html
    assert '"onload="' not in html


def test_media_are_shown_or_linked(browser, talk) -> None:
    agent_says(
        talk,
        "k1",
        Content("image", {"imageUrl": "https://files.example/a.png", "title": "Look"}),
        Content("file", {"fileUrl": "https://files.example/b.pdf"}),
    )
    html = read(browser, talk)
    assert '<img class="hb-picture" src="https://files.example/a.png" alt="Look"' in html
    assert 'href="https://files.example/b.pdf"' in html
    assert "b.pdf</a>" in html


def test_a_deleted_message_is_shown_as_deleted(browser, talk) -> None:
    agent_says(talk, "k1", Content("text", {"text": "never mind"}))
    Message.objects.update(redacted_at=timezone.now(), payload={})
    html = read(browser, talk)
    assert "Deleted at the help desk." in html
    assert "never mind" not in html


def test_what_happened_stands_between(browser, talk) -> None:
    at = timezone.now()
    rui = Agent("9", "Rui")
    happen(talk, AgentAssigned(remote_id="t-1", key="a", at=at, agent=rui))
    happen(talk, TicketTransferred(remote_id="t-1", key="b", at=timezone.now(), to="Billing"))
    with transaction.atomic():
        ending.end(locked(talk.pk), StopReason.IDLE_TIMEOUT)
    html = read(browser, talk)
    assert "Transferred to Billing" in html
    assert "Ended: Nobody wrote for too long" in html


def test_a_failed_session_says_why(browser, talk) -> None:
    with transaction.atomic():
        ending.fail(locked(talk.pk), "The inbox is closed.")
    html = read(browser, talk)
    assert "Failed: The inbox is closed." in html
    assert "Ticket being opened" not in html


def test_a_long_conversation_comes_in_pages(browser, talk) -> None:
    for number in range(PAGE + 5):
        Message.objects.create(
            tenant=talk.tenant, conversation=talk, sequence=number + 1, author="user",
            user=talk.user, type="text", payload={"text": f"says-{number}."}, effect_key=number,
        )  # fmt: skip
    with CaptureQueriesContext(connection) as queries:
        html = read(browser, talk)
    assert len(queries) <= 14, [query["sql"][:100] for query in queries]
    assert "says-204." in html
    assert "says-4." not in html
    assert "My invoice" not in html
    earlier = read(browser, talk, "?before=6")
    assert "says-4." in earlier
    assert "My invoice" in earlier


@pytest.mark.parametrize(
    "term", ["ana", "ana@example", "91234", "c-77", "4711", "t-1", "chat-1", " chat-1 "]
)
def test_it_is_found_by_whatever_one_has(browser, talk, term) -> None:
    factories.conversation(talk.installation, user=factories.user(talk.bot, name="Bo"))
    found = browser.get(list_of(Conversation), {"q": term}).context["cl"]
    assert [row.pk for row in found.result_list] == [talk.pk]


def test_it_is_found_by_its_own_id(browser, talk) -> None:
    found = browser.get(list_of(Conversation), {"q": talk.pk}).context["cl"]
    assert found.result_count == 1
    assert browser.get(list_of(Conversation), {"q": "nobody"}).context["cl"].result_count == 0


def test_a_stuck_session_is_ended_on_both_sides(browser, talk) -> None:
    talk.deliveries.update(attempt_count=1)
    response = act(browser, talk, "end")
    assert "has ended" in said(response)[0]
    talk.refresh_from_db()
    assert talk.stop_reason == StopReason.BOT_STOPPED
    kinds = set(talk.deliveries.values_list("kind", flat=True))
    assert {DeliveryKind.CLOSE, DeliveryKind.EVENT} <= kinds
    assert "/act/end/" not in read(browser, talk)


def test_who_may_only_look_can_not_end_it(onlooker, talk) -> None:
    assert act(onlooker, talk, "end").status_code == 403
    talk.refresh_from_db()
    assert talk.is_open


def test_nothing_is_edited_by_hand(browser, talk) -> None:
    assert browser.post(page_of(talk), {"title": "x"}).status_code == 200
    talk.refresh_from_db()
    assert talk.title != "x"
    assert browser.get("/admin/conversations/conversation/add/").status_code == 403
    assert browser.get(page_of(talk).replace("change", "delete")).status_code == 403


def test_an_unknown_conversation_is_not_found(browser, db) -> None:
    assert browser.get("/admin/conversations/conversation/none/change/").status_code == 404


def test_what_the_bridge_told_the_customer_stands_between_the_bubbles(browser, talk) -> None:
    Conversation.objects.update(options={"texts": {"agentJoined": f"{EVIL} joined"}})
    agent_says(talk, "k1", Content("text", {"text": "Good morning"}))
    html = read(browser, talk)
    parts = ["Assigned to Rui", "Told the customer: ", "Good morning"]
    places = [html.index(part) for part in parts]
    assert places == sorted(places)
    assert EVIL not in html
