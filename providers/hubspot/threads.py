"""Reading threads: what is on them, what happened, whether something of ours is there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from providers.base import Connection
from providers.errors import Gone
from providers.http import segment
from providers.hubspot import events
from providers.hubspot.api import PAGE, HubSpotApi, iso
from providers.hubspot.models import Content, Message, Thread
from providers.texts import same_words
from providers.types import InboundEvent, JsonObject, Ticket

SKEW = timedelta(seconds=60)  # how far HubSpot's clock and ours may be apart


class Threads:
    """The conversations API, as far as it only looks."""

    def __init__(self, connection: Connection, api: HubSpotApi) -> None:
        self._connection = connection
        self._api = api

    def thread(self, thread_id: str, **query: str) -> Thread:
        """The thread. Raises Gone, also if it lies in the trash."""
        path = f"/threads/{segment(thread_id)}"
        found = self._api.read(Thread, "GET", "conversations", path, params=query)
        if found.archived:
            raise Gone("The thread was moved to HubSpot's trash.")
        return found

    def messages(self, thread_id: str) -> Iterator[Message]:
        """Everything on the thread: messages, comments, assignments, changes of status."""
        path = f"/threads/{segment(thread_id)}/messages"
        return self._api.pages(Message, "conversations", path, {"limit": PAGE})

    def catch_up(self, ticket: Ticket, since: datetime) -> list[InboundEvent]:
        """See `Provider.catch_up`."""
        since = max(since, ticket.opened_at)
        thread = self.thread(ticket.remote_id)
        messages = [
            self._whole(ticket.remote_id, message)
            if message.truncated and (message.created_at is None or message.created_at >= since)
            else message
            for message in self.messages(ticket.remote_id)
        ]
        channel_id = str(ticket.state.get("channel_id", ""))
        return events.thread_events(thread, messages, since, channel_id, self._connection.now())

    def _whole(self, thread_id: str, message: Message) -> Message:
        """The message with its full text, which lists and webhooks cut short."""
        path = f"/threads/{segment(thread_id)}/messages/{segment(message.id)}/original-content"
        content = self._api.read(Content, "GET", "conversations", path)
        return message.model_copy(
            update={
                "text": content.text,
                "rich_text": content.rich_text,
                "truncation_status": "NOT_TRUNCATED",
            }
        )

    # --- in doubt -----------------------------------------------------------------------------

    def own(
        self,
        thread_id: str,
        words: Collection[str],
        known: Collection[str],
        *,
        since: datetime,
        comment: bool = False,
    ) -> str:
        """The id of the newest message (or comment) of ours with these words; empty if none."""
        for message in reversed(events.in_order(self.messages(thread_id))):
            if comment:
                ours = message.type == "COMMENT"
            else:
                ours = message.type == "MESSAGE" and message.direction == "INCOMING"
            recent = message.created_at is None or message.created_at >= since - SKEW
            alike = any(same_words(message.text, text) for text in words)
            if ours and recent and alike and message.id not in known:
                return message.id
        return ""

    def opened(
        self, inbox_id: str, account_id: str, sender: JsonObject, words: str, since: datetime
    ) -> tuple[str, str]:
        """The thread that this sender opened with these words, and its message; else empty."""
        query = {
            "inboxId": inbox_id,
            "sort": "latestMessageTimestamp",
            "latestMessageTimestampAfter": iso(since - SKEW),
            "limit": PAGE,
        }
        for thread in self._api.pages(Thread, "conversations", "/threads", query):
            recent = thread.created_at is None or thread.created_at >= since - SKEW
            if recent and thread.original_channel_account_id == account_id:
                for message in events.in_order(self.messages(thread.id)):
                    by = [party.address for party in message.senders]
                    if sender["value"] in by and same_words(message.text, words):
                        return thread.id, message.id
        return "", ""
