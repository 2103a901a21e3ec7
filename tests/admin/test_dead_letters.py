"""Dead letters: tried again ahead of what came later, or dropped with a reason."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.utils import timezone

from conversations.flows import ending
from conversations.flows.locking import locked
from conversations.flows.messages import NewMessage, send_message
from conversations.flows.outgoing import SendMessage
from conversations.models import Delivery, DeliveryState, Lane, MessageStatus, StopReason
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
    delivery.attempts.create(number=2, started_at=now, finished_at=now, outcome="dead")
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
    assert LogEntry.objects.filter(object_id=str(letter.pk)).exists()


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
