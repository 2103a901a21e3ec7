"""Celery's tasks: thin, ids as arguments, safe to run twice, late, or never."""

from __future__ import annotations

import time
from datetime import timedelta

from celery import shared_task

from conversations import celery_hooks as celery_hooks  # noqa: PLC0414  # connects itself
from conversations.engine import chores, lanes, worker
from conversations.engine.hub import Note
from conversations.flows import catching_up, passing, reading, receipts, timers, typing
from hitl_bridge import provisioning

SWEEP_SECONDS = 4.0  # a sweep ends before the next one begins


@shared_task(name="conversations.tasks.run_lane")
def run_lane(lane: str) -> None:
    """Work one lane."""
    worker.run_lane(lane)


@shared_task(name="conversations.tasks.sweep")
def sweep() -> None:
    """Work lanes whose wake-up was lost, for a few seconds."""
    until = time.monotonic() + SWEEP_SECONDS
    for lane in lanes.due(limit=50, grace=timedelta(seconds=2)):
        worker.run_lane(lane)
        if time.monotonic() > until:
            return


@shared_task(name="conversations.tasks.run_timers")
def run_timers() -> None:
    """End the sessions whose time is over."""
    timers.run_due()


@shared_task(name="conversations.tasks.catch_up")
def catch_up() -> None:
    """Apply what waits, ask about what may be missing."""
    receipts.apply_waiting()
    catching_up.start_due()
    provisioning.run_due()


@shared_task(name="conversations.tasks.housekeeping")
def housekeeping() -> None:
    """Delete what is no longer needed."""
    chores.housekeeping()


@shared_task(name="conversations.tasks.show_typing")
def show_typing(conversation_id: str) -> None:
    """Show the agent that the user is typing."""
    typing.show_typing(conversation_id)


@shared_task(name="conversations.tasks.show_read")
def show_read(conversation_id: str, message_ids: list[str]) -> None:
    """Show the agent that the user has read these messages."""
    reading.show_read(conversation_id, message_ids)


@shared_task(name="conversations.tasks.tell_in_passing")
def tell_in_passing(note: Note) -> None:
    """Tell the bot's own address what is worth telling now or not at all."""
    passing.post(note)
