"""The client: one method per call of the bridge's API."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from hitl_bridge_client.errors import BridgeError
from hitl_bridge_client.events import Event, event_of
from hitl_bridge_client.transport import Transport, log, pause
from hitl_bridge_client.types import (
    Availability,
    Conversation,
    ConversationSummary,
    Json,
    Message,
    MessageAccepted,
    SessionStarted,
    User,
)

LONGEST_WAIT = 50  # seconds that the bridge holds an empty page of events back


class Bridge:
    """A bot's view of the bridge.

    `url` is the bridge's address, `key` an API key of the bot. A call is tried `attempts` times
    where it gets no answer or one that may pass (429, 500, 503; `Retry-After` is kept to), which is
    safe: each POST carries an `Idempotency-Key`. Give your own where your program may crash and
    repeat a call after a restart. Every call raises BridgeError (see hitl_bridge_client.errors).
    """

    def __init__(self, url: str, key: str, *, timeout: float = 15, attempts: int = 4) -> None:
        self._transport = Transport(url, key, timeout, attempts)

    # --- what a bot does ---

    def create_user(
        self,
        name: str,
        *,
        email: str = "",
        phone: str = "",
        picture_url: str = "",
        external_id: str = "",
        tags: Mapping[str, str] | None = None,
        installation: str = "",
        idempotency_key: str = "",
    ) -> str:
        """The user's id. With an `external_id` always the same user, brought up to date."""
        body = {
            "name": name,
            "email": email,
            "phone": phone,
            "pictureUrl": picture_url,
            "externalId": external_id,
            "tags": tags,
            "installation": installation,
        }
        return str(self._post("/actions/createUser", body, idempotency_key)["userId"])

    def start_hitl(
        self,
        user_id: str,
        *,
        title: str = "",
        description: str = "",
        message_history: Iterable[Mapping[str, Any]] = (),
        hitl_session: Mapping[str, Any] | None = None,
        bot_conversation_id: str = "",
        tags: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        installation: str = "",
        wait: int = 0,
        idempotency_key: str = "",
    ) -> SessionStarted:
        """Hand the user over to a human; with `bot_conversation_id` once per open session of it.

        With `wait` (seconds, at most 30) it returns once the ticket exists or has failed.
        """
        body = {
            "userId": user_id,
            "title": title,
            "description": description,
            "messageHistory": [dict(entry) for entry in message_history],
            "hitlSession": hitl_session,
            "botConversationId": bot_conversation_id,
            "tags": tags,
            "options": options,
            "installation": installation,
        }
        path = "/actions/startHitl"
        return cast(SessionStarted, self._post(path, body, idempotency_key, wait=wait))

    def send(
        self,
        conversation_id: str,
        type: str,  # noqa: A002 - the API's own word
        payload: Mapping[str, Any],
        *,
        user_id: str = "",
        additional_data: str = "",
        idempotency_key: str = "",
    ) -> MessageAccepted:
        """Say something to the agent; in the user's name with `user_id`, else in the bot's."""
        body = {
            "type": type,
            "payload": payload,
            "userId": user_id,
            "additionalData": additional_data,
        }
        path = f"/conversations/{conversation_id}/messages"
        return cast(MessageAccepted, self._post(path, body, idempotency_key))

    def send_text(
        self, conversation_id: str, text: str, *, user_id: str = "", idempotency_key: str = ""
    ) -> MessageAccepted:
        """Say something in plain text."""
        return self.send(
            conversation_id,
            "text",
            {"text": text},
            user_id=user_id,
            idempotency_key=idempotency_key,
        )

    def typing(self, conversation_id: str) -> None:
        """Show the agent that the user is typing, where the help desk can."""
        self._post(f"/conversations/{conversation_id}/typing", {})

    def mark_read(self, conversation_id: str, message_id: str = "") -> None:
        """Show the agent that the user has read that message and all before it, or all so far."""
        self._post(f"/conversations/{conversation_id}/read", {"messageId": message_id})

    def stop_hitl(
        self, conversation_id: str, reason: str = "", *, idempotency_key: str = ""
    ) -> None:
        """End the session; one that has ended already stays as it is."""
        body = {"conversationId": conversation_id, "reason": reason}
        self._post("/actions/stopHitl", body, idempotency_key)

    # --- what a bot looks up ---

    def availability(self, installation: str = "") -> Availability:
        """Whether agents are there: `status` is online, offline or unknown."""
        return cast(Availability, self._get("/availability", installation=installation))

    def user(self, user_id: str) -> User:
        """A user of the bot, or an agent."""
        return cast(User, self._get(f"/users/{user_id}"))

    def conversation(self, conversation_id: str) -> Conversation:
        """A session with all that was handed over."""
        return cast(Conversation, self._get(f"/conversations/{conversation_id}"))

    def conversations(
        self,
        *,
        status: str = "",
        user_id: str = "",
        bot_conversation_id: str = "",
        tags: Mapping[str, str] | None = None,
        limit: int = 50,
    ) -> Iterator[ConversationSummary]:
        """The bot's sessions, newest first; `limit` is how many are fetched at a time."""
        query = {
            "status": status,
            "userId": user_id,
            "botConversationId": bot_conversation_id,
            **{f"tag.{name}": value for name, value in (tags or {}).items()},
        }
        return cast(Iterator[ConversationSummary], self._pages("/conversations", limit, query))

    def messages(self, conversation_id: str, *, limit: int = 50) -> Iterator[Message]:
        """What was said in a session, oldest first."""
        path = f"/conversations/{conversation_id}/messages"
        return cast(Iterator[Message], self._pages(path, limit, {}))

    # --- what a bot is told ---

    def read_events(
        self, after: str = "", *, wait: int = 0, limit: int = 100
    ) -> tuple[list[Event], str]:
        """One page of the feed, and the cursor to go on from; `wait` holds an empty one back."""
        query = {"after": after, "wait": str(wait), "limit": str(limit)}
        page = self._transport.call("GET", "/events", query=_given(query), wait=wait)
        bodies, cursor = page["items"], str(page["nextCursor"])
        # Only the page's end has a cursor: after a crash within the page all of it comes again.
        cursors = [after] * (len(bodies) - 1) + [cursor]
        return [event_of(*pair) for pair in zip(bodies, cursors, strict=False)], cursor

    def events(self, after: str = "", *, wait: int = LONGEST_WAIT) -> Iterator[Event]:
        """All events after a cursor, and then each as it happens; it goes on through outages.

        Store `event.cursor` once an event is handled; begin with it the next time. What was
        handled just before a crash may come again: forget ids that you have had.
        """
        failures = 0
        while True:
            begun = time.monotonic()
            try:
                found, after = self.read_events(after, wait=wait)
            except BridgeError as error:
                failures = _sit_out(error, failures)
                continue
            failures = 0
            yield from found
            if not found:  # a bridge where too many wait already answers at once
                time.sleep(max(0.0, min(1.0, wait) - (time.monotonic() - begun)))

    def stream(self, last_event_id: str = "") -> Iterator[Event]:
        """The same as `events`, by server-sent events: each at once, and typing with it."""
        failures = 0
        while True:
            try:
                for body, cursor in self._transport.stream("/events/stream", last_event_id):
                    failures, last_event_id = 0, cursor
                    yield event_of(body, cursor)
                time.sleep(pause(1))  # it ended as it should: the bridge restarts
            except BridgeError as error:
                failures = _sit_out(error, failures)

    def follow(self, conversation_id: str, after: str = "") -> Iterator[Event]:
        """The events of one session until it is over. For programs with one session at a time:
        it passes over all others."""
        for event in self.events(after):
            if event.conversation_id == conversation_id:
                yield event
                if event.is_last:
                    return

    # --- how ---

    def _post(self, path: str, body: Json, idempotency_key: str = "", wait: int = 0) -> Any:
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        if wait:
            headers["Prefer"] = f"wait={wait}"
        return self._transport.call("POST", path, body=_given(body), headers=headers, wait=wait)

    def _get(self, path: str, **query: str) -> Any:
        return self._transport.call("GET", path, query=_given(query))

    def _pages(self, path: str, limit: int, query: Json) -> Iterator[Any]:
        cursor: str | None = ""
        while cursor is not None:
            page = self._get(path, **query, limit=str(limit), cursor=cursor)
            yield from page["items"]
            cursor = page["nextCursor"]


def _given(values: Mapping[str, Any]) -> Json:
    """Without what was left out."""
    return {name: value for name, value in values.items() if value not in ("", None, [], {})}


def _sit_out(error: BridgeError, failures: int) -> int:
    """Wait until an outage may be over; how many there were in a row. Raises what won't pass."""
    if not error.passing:
        raise error
    log.warning("Events can't be read: %s", error)
    time.sleep(pause(failures + 1, error.retry_after))
    return failures + 1
