"""Makes the demo bot's calls to the bridge: in order per chat, until they succeed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from sandbox.background import Job
from sandbox.demo import bridge
from sandbox.demo.callbacks import overdue_chats, settle
from sandbox.demo.chat import give_up
from sandbox.environment import BRIDGE_URL
from sandbox.models import DemoCall, DemoChat, DemoMessage

Json = dict[str, Any]
LONGEST_WAIT = 30.0  # seconds
PATIENCE = 5  # attempts at a call that the bridge keeps calling a conflict


def due(busy: frozenset[str]) -> Iterator[Job]:
    """The oldest unsent call of every chat, where its time has come; and events held too long."""
    if not BRIDGE_URL:
        return
    firsts = DemoCall.objects.filter(state=DemoCall.DUE).values("chat").annotate(first=Min("id"))
    rows = DemoCall.objects.filter(
        pk__in=[f["first"] for f in firsts if f"call:{f['chat']}" not in busy],
        next_attempt_at__lte=timezone.now(),
    )
    for row in rows:
        yield Job(f"call:{row.chat_id}", partial(carry_out, row.pk))
    for pk in overdue_chats():
        if f"event:{pk}" not in busy:
            yield Job(f"event:{pk}", partial(settle, pk))


def carry_out(pk: int) -> None:
    """Make one attempt at a call."""
    call = DemoCall.objects.select_related("chat", "message").get(pk=pk)
    try:
        answer = _send(call)
    except bridge.UnreachableError as problem:
        _later(call, str(problem))
    except bridge.RefusedError as problem:
        _refused(call, str(problem))
    else:
        _done(call, answer)


def _send(call: DemoCall) -> Json:
    chat, body = call.chat, dict(call.payload)
    conversation = chat.conversations.get(str(call.session), "")
    if call.action == "createUser":
        return bridge.post("/actions/createUser", body, call.key)
    if call.action == "startHitl":
        body["userId"] = chat.user_id
        for told in body["messageHistory"]:
            if told["source"]["type"] == "user":
                told["source"]["userId"] = chat.user_id
        return bridge.post("/actions/startHitl", body, call.key)
    if not conversation:
        raise bridge.RefusedError("the session never started")
    if call.action == "stopHitl":
        return bridge.post("/actions/stopHitl", body | {"conversationId": conversation}, call.key)
    body["userId"] = chat.user_id
    return bridge.post(f"/conversations/{conversation}/messages", body, call.key)


@transaction.atomic
def _done(call: DemoCall, answer: Json) -> None:
    call.state = DemoCall.DONE
    call.save()
    chat = DemoChat.objects.get(pk=call.chat_id)
    if call.action == "createUser":
        chat.user_id = str(answer["userId"])
        chat.save(update_fields=["user_id"])
    elif call.action == "startHitl":
        chat.conversations[str(call.session)] = str(answer["conversationId"])
        chat.save(update_fields=["conversations"])
    elif call.message:
        sent = DemoMessage.objects.filter(pk=call.message.pk)
        sent.update(status="sent", remote_id=str(answer.get("messageId", "")))


def _later(call: DemoCall, problem: str) -> None:
    call.attempts += 1
    if problem == str(bridge.CONFLICT) and call.attempts >= PATIENCE:
        _refused(call, problem)
        return
    wait = min(LONGEST_WAIT, 0.5 * 2**call.attempts)
    call.next_attempt_at = timezone.now() + timedelta(seconds=wait)
    call.error = problem[:200]
    call.save()


@transaction.atomic
def _refused(call: DemoCall, problem: str) -> None:
    call.state, call.error = DemoCall.FAILED, problem[:200]
    call.save()
    give_up(DemoChat.objects.get(pk=call.chat_id), call)
