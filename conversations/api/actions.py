"""What a bot does: users, sessions, messages."""

from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus

from django.http import HttpResponse
from rest_framework.request import Request

from conversations.api import describe, idempotency, inputs, waiting
from conversations.api.base import ActionView, Given, known_id, plain
from conversations.api.idempotency import Answer
from conversations.flows import messages, people, reading, sessions, typing
from conversations.flows.problems import NotFound
from conversations.models import Conversation, ConversationStatus, StopReason, User, UserKind
from hitl_bridge.models import Bot


class CreateUser(ActionView):
    """The end user whom a session is about."""

    @describe.create_user
    def post(self, request: Request) -> HttpResponse:
        return self.carry_out(request, inputs.CreateUser, _create_user).response()


class StartHitl(ActionView):
    """Hand a chat over to a human."""

    @describe.start_hitl
    def post(self, request: Request) -> HttpResponse:
        answer = self.carry_out(request, inputs.StartHitl, _start_hitl, ahead=_look_ahead)
        seconds = waiting.preferred_wait(plain(request))
        if not seconds:
            return answer.response()
        with waiting.ticket_slots.take(plain(request)) as may_wait:
            if may_wait:
                answer = self._once_opened(request, answer, seconds)
        response = answer.response()
        if may_wait:
            response["Preference-Applied"] = f"wait={seconds}"
        return response

    def _once_opened(self, request: Request, answer: Answer, seconds: int) -> Answer:
        """The answer as it is once the ticket exists or has failed, or the time is over."""
        body = json.loads(answer.text)
        if body["status"] != ConversationStatus.OPENING:
            return answer
        row = Conversation.objects.filter(
            bot=self.bot_of(request), pk=body["conversationId"]
        ).exclude(status=ConversationStatus.OPENING)
        status = waiting.poll(lambda: row.values_list("status", flat=True).first(), seconds)
        if status is None:
            return answer
        told = replace(answer, text=Answer.of(answer.status, {**body, "status": status}).text)
        key = idempotency.key_of(plain(request))
        if key:
            idempotency.amend(self.bot_of(request), key, told)
        return told


class SendMessage(ActionView):
    """Say something to the agent."""

    @describe.send_message
    def post(self, request: Request, **ids: str) -> HttpResponse:
        def act(bot: Bot, given: Given) -> Given:
            return _send_message(bot, known_id(ids["conversationId"]), given)

        return self.carry_out(request, inputs.NEW_MESSAGE, act, HTTPStatus.ACCEPTED).response()


class Typing(ActionView):
    """Show the agent that the user is typing."""

    @describe.typing
    def post(self, request: Request, **ids: str) -> HttpResponse:
        def act(bot: Bot, given: Given) -> Given:
            del given
            typing.user_is_typing(bot, known_id(ids["conversationId"]))
            return {}

        return self.carry_out(request, inputs.Typing, act, HTTPStatus.ACCEPTED).response()


class MarkRead(ActionView):
    """Show the agent that the user has read."""

    @describe.mark_read
    def post(self, request: Request, **ids: str) -> HttpResponse:
        def act(bot: Bot, given: Given) -> Given:
            last = given.get("messageId") or ""
            reading.user_has_read(bot, known_id(ids["conversationId"]), last)
            return {}

        return self.carry_out(request, inputs.MarkRead, act, HTTPStatus.ACCEPTED).response()


class StopHitl(ActionView):
    """End a session."""

    @describe.stop_hitl
    def post(self, request: Request) -> HttpResponse:
        return self.carry_out(request, inputs.StopHitl, _stop_hitl).response()


def _create_user(bot: Bot, given: Given) -> Given:
    wanted = given.get("installation", "")
    user = people.create_user(
        bot,
        people.NewUser(
            name=given["name"],
            email=given.get("email", ""),
            phone=given.get("phone", ""),
            picture_url=given.get("pictureUrl", ""),
            external_id=given.get("externalId", ""),
            tags=given.get("tags", {}),
        ),
        sessions.choose_installation(bot, wanted) if wanted else None,
    )
    return {"userId": user.id}


def _user(bot: Bot, given: Given) -> User | None:
    return User.objects.filter(bot=bot, pk=given["userId"], kind=UserKind.END_USER).first()


def _look_ahead(bot: Bot, given: Given) -> None:
    options, wanted = given.get("options", {}), given.get("installation", "")
    sessions.look_ahead(bot, _user(bot, given), options, wanted)


def _start_hitl(bot: Bot, given: Given) -> Given:
    user = _user(bot, given)
    if user is None:
        raise NotFound("This bot has no such user.", field="userId")
    start = sessions.SessionStart(
        user=user,
        title=given.get("title", ""),
        description=given.get("description", ""),
        transcript=given.get("messageHistory", ()),
        hitl_session=given.get("hitlSession", {}),
        bot_conversation_id=given.get("botConversationId", ""),
        tags=given.get("tags", {}),
        options=given.get("options", {}),
    )
    conversation = sessions.start_hitl(bot, start, given.get("installation", ""))
    return {"conversationId": conversation.id, "status": conversation.status}


def _send_message(bot: Bot, conversation_id: str, given: Given) -> Given:
    new = messages.NewMessage(
        type=given["type"],
        payload=given["payload"],
        user_id=given.get("userId", ""),
        additional_data=given.get("additionalData", ""),
    )
    message = messages.send_message(bot, conversation_id, new)
    return {"messageId": message.id, "sequence": message.sequence, "status": message.status}


def _stop_hitl(bot: Bot, given: Given) -> Given:
    reason = StopReason(given.get("reason") or StopReason.BOT_STOPPED)
    sessions.stop_hitl(bot, given["conversationId"], reason)
    return {}
