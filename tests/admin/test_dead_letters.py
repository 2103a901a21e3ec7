"""Dead letters: tried again ahead of what came later, or dropped with a reason."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from conversations.flows import ending, operators
from conversations.flows.locking import locked
from conversations.flows.messages import NewMessage, send_message
from conversations.flows.outgoing import SendMessage
from conversations.models import Delivery, DeliveryState, Lane, MessageStatus, StopReason
from hitl_bridge.models import AuditEntry
from providers.errors import Permanent
from tests import factories
from tests.admin.pages import act, list_of, page_of, said

pytestmark = pytest.mark.django_db


def bury(delivery: Delivery) -> Delivery:
    """As the worker does when it gives a delivery up."""
    error = Permanent("Intercom refused it: too long.")
    now = timezone.now()
    Delivery.objects.filter(pk=delivery.pk).update(
        state=DeliveryState.DEAD, error=error.detail, error_kind="Permanent", attempt_count=2,
        crash_count=3, finished_at=now,
    )  # fmt: skip
    delivery.attempts.get_or_create(
        number=2, defaults={"started_at": now, "finished_at": now, "outcome": "dead"}
    )
    with transaction.atomic():
        SendMessage().gave_up(delivery, error)
    delivery.refresh_from_db()
    return delivery


@pytest.fixture
def talk(db):
    return factories.conversation()


@pytest.fixture
def letter(talk) -> Delivery:
    new = NewMessage("text", {"text": "hi"}, user_id=talk.user_id)
    message = send_message(talk.bot, talk.pk, new)
    return bury(message.deliveries.get())


def test_the_list_shows_dead_letters_unless_asked_otherwise(browser, letter) -> None:
    shown = browser.get(list_of(Delivery))
    assert [row.pk for row in shown.context["cl"].result_list] == [letter.pk]
    assert "Intercom refused it: too long." in shown.content.decode()
    assert browser.get(list_of(Delivery), {"state": "all"}).context["cl"].result_count > 1
    assert browser.get(list_of(Delivery), {"state": "done"}).context["cl"].result_count == 0


def test_a_retried_letter_goes_ahead_of_what_waits(browser, talk, letter) -> None:
    Lane.objects.update(due_at=None)
    before = Lane.objects.get(pk=letter.lane_id).version
    response = act(browser, letter, "retry")
    assert said(response) == ["1 dead letter is being tried again."]
    letter.refresh_from_db()
    assert (letter.state, letter.error, letter.crash_count) == (DeliveryState.PENDING, "", 0)
    assert letter.attempt_count == 2
    assert letter.message.status == MessageStatus.PENDING
    lane = Lane.objects.get(pk=letter.lane_id)
    assert lane.due_at is not None
    assert lane.due_at <= timezone.now()
    assert lane.version == before + 1
    told = talk.events.order_by("sequence").values_list("data__status", flat=True)
    assert list(told) == ["failed", "pending"]
    assert AuditEntry.objects.filter(target_id=str(letter.pk)).exists()


def test_it_is_decided_once(browser, letter) -> None:
    act(browser, letter, "retry")
    assert "can't be done now" in said(act(browser, letter, "retry"))[-1]
    assert "can't be done now" in said(act(browser, letter, "drop", reason="x"))[-1]


def test_a_letter_is_dropped_with_its_reason(browser, letter) -> None:
    act(browser, letter, "drop", reason="The customer called.")
    letter.refresh_from_db()
    assert (letter.state, letter.error) == (DeliveryState.DROPPED, "The customer called.")
    letter.message.refresh_from_db()
    assert letter.message.failure == "The customer called."
    assert letter.message.status == MessageStatus.DROPPED
    told = letter.conversation.events.order_by("sequence").last().data
    assert (told["status"], told["detail"]) == ("dropped", "The customer called.")


def test_nothing_is_dropped_without_a_reason(browser, letter) -> None:
    assert said(act(browser, letter, "drop", reason=" ")) == ["Give a reason for dropping it."]
    letter.refresh_from_db()
    assert letter.state == DeliveryState.DEAD


def test_who_decided_what_is_in_the_audit_log(browser, operator, letter) -> None:
    act(browser, letter, "retry")
    bury(letter)
    act(browser, letter, "drop", reason="No use.")
    dropped, retried = AuditEntry.objects.filter(target_type="conversations.delivery")
    assert (retried.action, retried.details["attempts"]) == ("replayed", 2)
    assert (dropped.action, dropped.details["reason"]) == ("dropped", "No use.")
    assert dropped.actor == operator
    assert dropped.tenant == letter.tenant
    assert dropped.ip == "127.0.0.1"


def test_a_second_failure_is_told_as_well(browser, talk, letter) -> None:
    act(browser, letter, "retry")
    bury(letter)
    told = talk.events.order_by("sequence").values_list("data__status", flat=True)
    assert list(told) == ["failed", "pending", "failed"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"reason": "Permanent"}, 1),
        ({"reason": "Gone"}, 0),
        ({"since": "1"}, 1),
        ({"conversation__installation__provider__exact": "intercom"}, 1),
        ({"conversation__installation__provider__exact": "zoho"}, 0),
    ],
)
def test_the_list_can_be_filtered(browser, letter, query, found) -> None:
    assert browser.get(list_of(Delivery), query).context["cl"].result_count == found


def test_the_page_says_what_to_do(browser, letter) -> None:
    Delivery.objects.filter(pk=letter.pk).update(crash_count=0)
    html = browser.get(page_of(letter)).content.decode()
    assert "Refused for good" in html
    assert "Mend what it names and retry" in html


def test_all_since_a_time_are_retried(browser, talk, letter) -> None:
    new = NewMessage("text", {"text": "again"}, user_id=talk.user_id)
    old = bury(send_message(talk.bot, talk.pk, new).deliveries.get())
    Delivery.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=2))
    since = timezone.now() - timedelta(hours=1)
    form = {"since_0": f"{since:%Y-%m-%d}", "since_1": f"{since:%H:%M}"}
    url = reverse("admin:conversations_delivery_retry_since")
    assert url in browser.get(list_of(Delivery)).content.decode()
    assert "1 dead letter of that kind" in browser.post(url, form).content.decode()
    assert said(browser.post(url, {**form, "retry": "1"})) == [
        "1 dead letter is being tried again."
    ]
    assert list(Delivery.objects.filter(state="dead")) == [old]


def test_who_may_only_look_retries_nothing_by_time(onlooker, letter) -> None:
    url = reverse("admin:conversations_delivery_retry_since")
    assert onlooker.post(url, {"retry": "1"}).status_code == 403
    assert url not in onlooker.get(list_of(Delivery)).content.decode()


def test_the_command_counts_first_and_retries_then(letter) -> None:
    assert "1 dead letters since" in replay("--dry-run")
    assert Delivery.objects.filter(state="dead").exists()
    assert "1 of 1 dead letters are being tried again." in replay()
    assert AuditEntry.objects.get().actor_name.startswith("manage.py replay")
    assert "0 of 0" in replay()


def test_the_command_says_why_something_is_not_retried(talk, letter) -> None:
    with transaction.atomic():
        ending.end(locked(talk.pk), StopReason.USER_ENDED)
    assert "1 are not: The session has ended: this can only be dropped." in replay()


def test_a_stopped_command_goes_on_where_it_stopped(talk, letter, monkeypatch) -> None:
    new = NewMessage("text", {"text": "again"}, user_id=talk.user_id)
    bury(send_message(talk.bot, talk.pk, new).deliveries.get())
    retry = operators.retry
    calls: list[int] = []

    def once(pk: int, by: Any) -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(pk)
        retry(pk, by)

    monkeypatch.setattr(operators, "retry", once)
    assert "1 of 2" in replay()
    monkeypatch.setattr(operators, "retry", retry)
    assert "1 of 1" in replay()


@pytest.mark.parametrize("wrong", ["--since=yesterday", "--installation=inst_none"])
def test_the_command_names_what_is_wrong(db, wrong) -> None:
    with pytest.raises(CommandError, match=wrong.partition("=")[0]):
        replay(wrong)


def replay(*arguments: str) -> str:
    """What the command says."""
    out = StringIO()
    given = arguments if any("since" in one for one in arguments) else ("--since=1d", *arguments)
    call_command("replay", *given, stdout=out)
    return out.getvalue()


def test_what_belongs_to_an_ended_session_can_only_be_dropped(browser, talk, letter) -> None:
    with transaction.atomic():
        ending.end(locked(talk.pk), StopReason.USER_ENDED)
    html = browser.get(page_of(letter)).content.decode()
    assert "/act/drop/" in html
    assert "/act/retry/" not in html
    many = {"action": "retry_all", "_selected_action": [letter.pk]}
    assert said(browser.post(list_of(Delivery), many)) == [
        "The session has ended: this can only be dropped."
    ]


def test_what_the_bot_was_not_told_can_be_retried_after_the_end(browser, talk) -> None:
    with transaction.atomic():
        ending.end(locked(talk.pk), StopReason.USER_ENDED)
    event = talk.deliveries.get(kind="event")
    Delivery.objects.filter(pk=event.pk).update(state=DeliveryState.DEAD)
    act(browser, event, "retry")
    event.refresh_from_db()
    assert event.state == DeliveryState.PENDING


def test_many_are_retried_and_dropped_at_once(browser, talk, letter) -> None:
    new = NewMessage("text", {"text": "again"}, user_id=talk.user_id)
    other = bury(send_message(talk.bot, talk.pk, new).deliveries.get())
    both = {"_selected_action": [letter.pk, other.pk]}
    response = browser.post(list_of(Delivery), {"action": "retry_all", **both})
    assert said(response) == ["2 dead letters are being tried again."]
    Delivery.objects.filter(pk__in=both["_selected_action"]).update(state=DeliveryState.DEAD)
    browser.post(list_of(Delivery), {"action": "drop_all", "reason": "No use.", **both})
    errors = set(Delivery.objects.filter(pk__in=both["_selected_action"]).values_list("error"))
    assert errors == {("No use.",)}


def test_who_may_only_look_decides_nothing(onlooker, letter) -> None:
    assert act(onlooker, letter, "retry").status_code == 403
    onlooker.post(list_of(Delivery), {"action": "drop_all", "_selected_action": [letter.pk]})
    letter.refresh_from_db()
    assert letter.state == DeliveryState.DEAD


def test_the_page_tells_each_attempt(browser, letter) -> None:
    html = browser.get(page_of(letter)).content.decode()
    assert "Never possible" in html
    assert "Reason for dropping it" in html
