"""Work in the background stays within its tenant: tasks, chores, commands, all found."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import responses
from celery import current_app
from django.core.management import CommandError, call_command, get_commands
from django.utils import timezone

from conversations import tasks
from conversations.engine import lanes
from conversations.engine.chores import Chores
from conversations.models import (
    Attempt,
    Conversation,
    ConversationStatus,
    Delivery,
    DeliveryState,
    Lane,
    User,
)
from hitl_bridge.models import Bot
from tests import fake_desk
from tests.security.world import Side, WatchedDesk, changed, crossings, fingerprint

pytestmark = pytest.mark.django_db

Run = Callable[[Side, Side], None]


def run_lane(own: Side, foreign: Side) -> None:
    for lane in Lane.objects.filter(conversation=own.session):
        tasks.run_lane(lane.pk)


def show_typing(own: Side, foreign: Side) -> None:
    tasks.show_typing(own.session.pk)


def show_read(own: Side, foreign: Side) -> None:
    """With the id of somebody else's message."""
    tasks.show_read(own.session.pk, [str(foreign.rows["conversations.Message"].pk)])


def tell_in_passing(own: Side, foreign: Side) -> None:
    """A note of our bot that names their conversation, though nobody could write one."""
    note = {
        "id": "evt_x", "at": timezone.now().isoformat(), "bot": own.bot.pk, "type": "typing",
        "conversation": foreign.session.pk, "user": "", "message": "",
    }  # fmt: skip
    tasks.tell_in_passing(note)


# Given an id: nothing of another tenant changes, and nobody else's help desk or bot is called.
OF_ONE: dict[str, Run] = {
    "conversations.tasks.run_lane": run_lane,
    "conversations.tasks.show_typing": show_typing,
    "conversations.tasks.show_read": show_read,
    "conversations.tasks.tell_in_passing": tell_in_passing,
}
# For all tenants at once: what is done for each is done with its own alone.
OF_ALL = {
    "conversations.tasks.sweep",
    "conversations.tasks.run_timers",
    "conversations.tasks.catch_up",
    "conversations.tasks.housekeeping",
}
COMMANDS_OF_ONE = {"apply", "replay", "purge", "erase_user", "export_user"}
# They start the site, speak of no tenant, or of the whole database.
COMMANDS_OF_NONE = {"serve", "providers", "backup", "check_restore", "rekey", "doctor"}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    """Both bots take every callback."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for marker in ("ownlings", "zanzibar"):
            mock.post(f"https://{marker}.example.com/hitl")
        yield mock


@pytest.fixture
def both(own: Side, foreign: Side, told: responses.RequestsMock) -> tuple[Side, Side]:
    """Two tenants with the same work waiting: everything there is, and a message."""
    for side in (own, foreign):
        type(side.bot).objects.filter(pk=side.bot.pk).update(
            callback_url=f"https://{side.marker}.example.com/hitl"
        )
        # Alike to the last: the very same ticket id at two help desks.
        Conversation.objects.filter(pk=side.session.pk).update(remote_id="t1")
        Delivery.objects.filter(conversation=side.session, kind="open").update(state="done")
        Delivery.objects.filter(conversation=side.session, state=DeliveryState.DEAD).update(
            state=DeliveryState.PENDING, next_attempt_at=timezone.now()
        )
    Attempt.objects.all().delete()
    Lane.objects.update(due_at=timezone.now() - timedelta(minutes=1))
    return own, foreign


def bodies(told: responses.RequestsMock) -> list[tuple[str, str]]:
    """(address, body) of each callback."""
    return [(str(call.request.url), str(call.request.body)) for call in told.calls]


def test_every_task_and_command_has_a_place() -> None:
    found = {name for name in current_app.tasks if not name.startswith("celery.")}
    assert found == OF_ONE.keys() | OF_ALL, "say here how it is tried with two tenants"
    apps = {"hitl_bridge", "conversations", "config"}
    commands = {name for name, app in get_commands().items() if app in apps}
    assert commands == COMMANDS_OF_ONE | COMMANDS_OF_NONE, "say here whose rows it touches"


@pytest.mark.parametrize("name", sorted(OF_ONE))
def test_a_task_with_an_id_stays_with_it(
    both: tuple[Side, Side], told: responses.RequestsMock, name: str, fake_tickets: None
) -> None:
    own, foreign = both
    before = fingerprint(foreign.tenant)
    OF_ONE[name](own, foreign)
    assert not changed(before, fingerprint(foreign.tenant))
    assert not crossings()
    assert {secret for secret, *_ in WatchedDesk.calls} <= {own.marker}
    for url, body in bodies(told):
        assert own.marker in url
        assert foreign.session.pk not in body
        assert foreign.marker not in body


@pytest.fixture
def fake_tickets(_fresh: None) -> None:
    """The ticket that both have at their help desks."""
    fake_desk.desk.tickets["t1"] = []


def test_what_is_done_for_all_is_done_for_each(
    both: tuple[Side, Side], told: responses.RequestsMock, fake_tickets: None
) -> None:
    own, foreign = both
    Conversation.objects.update(idle_deadline=timezone.now() - timedelta(seconds=1))
    chores: list[Callable[[], object]] = [chore.run for chore in Chores()._chores]
    chores += [tasks.sweep, tasks.run_timers, tasks.catch_up, tasks.housekeeping]
    for work in chores:
        work()
    for _ in range(20):
        for lane in lanes.due(limit=100):
            tasks.run_lane(lane)
    assert not crossings()
    texts = [(secret, text) for secret, _, text in WatchedDesk.calls]
    for side, other in ((own, foreign), (foreign, own)):
        assert (side.marker, f"{side.marker} text") in texts
        assert not [
            text for secret, text in texts if secret == side.marker and other.marker in text
        ]
        mine = [body for url, body in bodies(told) if side.marker in url]
        assert mine
        assert not [body for body in mine if other.marker in body or other.session.pk in body]
        side.session.refresh_from_db()
        assert side.session.status == ConversationStatus.STOPPED


def test_replay_takes_only_what_it_was_told_to(own: Side, foreign: Side) -> None:
    Delivery.objects.filter(state="dead").update(finished_at=timezone.now())
    before = fingerprint(foreign.tenant)
    call_command("replay", since=timezone.now() - timedelta(days=1), tenant=own.tenant.slug)
    assert not changed(before, fingerprint(foreign.tenant))
    assert Delivery.objects.filter(tenant=own.tenant, state="dead").count() == 0


def test_apply_leaves_undeclared_tenants_alone(own: Side, foreign: Side, tmp_path: Path) -> None:
    declared = {"tenants": [{"slug": own.tenant.slug, "bots": [{
        "slug": f"{foreign.marker}-bot", "connector": "feed",
    }]}]}  # fmt: skip
    file = tmp_path / "apply.yaml"
    file.write_text(json.dumps(declared))
    before = fingerprint(foreign.tenant)
    call_command("apply", str(file), stdout=(tmp_path / "out").open("w"))
    assert not changed(before, fingerprint(foreign.tenant))
    assert Bot.objects.filter(slug=f"{foreign.marker}-bot").count() == 2


def test_purge_takes_only_the_tenant_it_was_told(own: Side, foreign: Side) -> None:
    Delivery.objects.update(state=DeliveryState.DONE)
    Conversation.objects.update(
        status="stopped", stop_reason="botStopped", stopped_at=timezone.now() - timedelta(days=400)
    )
    before = fingerprint(foreign.tenant)
    call_command("purge", tenant=own.tenant.slug, stdout=io.StringIO())
    assert not changed(before, fingerprint(foreign.tenant))
    assert Conversation.objects.get(tenant=own.tenant).purged_at


@pytest.fixture
def namesakes(own: Side, foreign: Side) -> tuple[Side, Side]:
    """Both tenants know the same person, by the same e-mail address and number."""
    for side in (own, foreign):
        User.objects.filter(pk=side.session.user_id).update(
            email="ana@example.com", external_id="crm-1", name="Ana Martins"
        )
    return own, foreign


@pytest.mark.parametrize("command", ["erase_user", "export_user"])
def test_nobodys_customer_is_anothers(namesakes: tuple[Side, Side], command: str) -> None:
    own, foreign = namesakes
    before = fingerprint(foreign.tenant)
    quiet: dict[str, Any] = {"yes": True} if command == "erase_user" else {}
    with pytest.raises(CommandError, match="no user of this id"):
        call_command(command, foreign.session.user_id, tenant=own.tenant.slug, **quiet)
    for who in ("ana@example.com", "crm-1", own.session.user_id):
        said = io.StringIO()
        with suppress(CommandError):  # the first has erased her
            call_command(command, who, tenant=own.tenant.slug, stdout=said, **quiet)
        assert not [trace for trace in foreign.traces() if trace in said.getvalue()]
    assert not changed(before, fingerprint(foreign.tenant))
    assert User.objects.filter(tenant=own.tenant, external_id="crm-1").exists() == (
        command == "export_user"
    )
