"""Finding a conversation by whatever somebody knows of it."""

import pytest
from django.contrib.auth.models import User as Account
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.admin import searching
from conversations.flows.messages import NewMessage, send_message
from conversations.models import Conversation, UserTag
from hitl_bridge.models import AuditAction, AuditEntry, Membership, Role
from tests import factories
from tests.admin.pages import list_of, page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def talk(db) -> Conversation:
    desk = factories.installation()
    person = factories.user(
        desk.bot, name="Ana Müller-Ruiz", email="ana.ruiz@example.com", external_id="cust-77"
    )
    person.phone = "+49 170 5551234"
    person.save()
    UserTag.objects.create(user=person, bot=desk.bot, name="crm", value="CRM-9001")
    found = factories.conversation(
        desk,
        user=person,
        title="Broken espresso machine",
        bot_conversation_id="webchat-4711",
        tags={"order": "A-1009"},
    )
    Conversation.objects.filter(pk=found.pk).update(remote_id="21546")
    words = NewMessage("text", {"text": "It says Überhitzung on the display"}, user_id=person.id)
    send_message(desk.bot, found.id, words)
    factories.conversation(desk, user=factories.user(desk.bot, name="Zoe"), title="Another")
    other = factories.installation()
    factories.conversation(other, user=factories.user(other.bot, name="Zoe"), title="Others'")
    return found


def search(client, term: str) -> list[str]:
    response = client.get(list_of(Conversation), {"q": term})
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


@pytest.mark.parametrize(
    "term",
    [
        "Ana", "ruiz", "ana.ruiz@example.com", "ana.ruiz", "+49 170 5551234", "cust-77", "CRM-9001",
        "A-1009", "21546", "webchat-4711", "display", "says display",
        "  21546  ",
    ],
)  # fmt: skip
def test_a_conversation_is_found_by_what_is_known_of_it(browser, talk, term) -> None:
    if term == "says display" and connection.vendor != "postgresql":
        pytest.skip("words apart are found by PostgreSQL's full text only")
    assert search(browser, term) == [talk.pk]


def test_its_own_id_finds_it(browser, talk) -> None:
    assert search(browser, talk.pk) == [talk.pk]


@pytest.mark.parametrize("term", ["", "   "])
def test_nothing_asked_shows_all(browser, talk, term) -> None:
    assert len(search(browser, term)) == 3


@pytest.mark.parametrize(
    "term", ["'", "\\", ":*", "a & | ! (", '"', "%", "x" * 5000, "'; drop", "-"]
)
def test_no_search_is_an_error(browser, talk, term) -> None:
    search(browser, term)


def test_words_of_others_are_not_found(client, talk) -> None:
    stranger = Account.objects.create_user("tara", is_staff=True)
    other = factories.tenant()
    Membership.objects.create(user=stranger, tenant=other, role=Role.SUPPORT)
    client.force_login(stranger)
    assert search(client, "display") == search(client, "Ana") == search(client, talk.pk) == []


def test_a_search_takes_few_queries(browser, talk) -> None:
    search(browser, "display")
    with CaptureQueriesContext(connection) as queries:
        search(browser, "display")
    most = 12 if connection.vendor == "postgresql" else 19
    assert len(queries) <= most, [query["sql"][:90] for query in queries]


@pytest.mark.postgres
@pytest.mark.django_db
@pytest.mark.parametrize("term", ["display", "Ana", "21546", "webchat-4711"])
def test_no_way_to_find_reads_all_conversations(talk, term) -> None:
    with connection.cursor() as cursor, CaptureQueriesContext(connection) as queries:
        cursor.execute("SET LOCAL enable_seqscan = off")  # a handful of rows is read whole else
        list(searching.find(Conversation.objects.all(), term, None))
        plan = ""
        for query in queries.captured_queries[1:]:
            cursor.execute("EXPLAIN " + query["sql"])
            plan += "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan, plan


def test_a_refreshed_page_is_one_reading(browser, talk) -> None:
    read = AuditEntry.objects.filter(action=AuditAction.READ, target_id=talk.pk)
    browser.get(page_of(talk), headers={"X-Refresh": "1"})
    assert read.count() == 1  # nothing was read before: no header is a way around the log
    browser.get(page_of(talk), headers={"X-Refresh": "1"})
    assert read.count() == 1
    browser.get(page_of(talk))
    assert read.count() == 2
