"""Conversations handed to each help desk and back, through real processes."""

from __future__ import annotations

import pytest

from tests.e2e import journeys
from tests.e2e.journeys import Traits
from tests.e2e.stages import Stages

INTERCOM = Traits(reply_webhook="conversation.admin.replied", send_path="/reply$", renews=False)
HUBSPOT = Traits(
    reply_webhook="OUTGOING_CHANNEL_MESSAGE_CREATED",
    send_path="/messages$",
    waits_for_agent=True,
    hints=True,
)
LIVECHAT = Traits(
    reply_webhook="incoming_event",
    send_path="send_event",
    team="Support",
    notes=False,
    reopens_by_hand=True,
)
ZOHO = Traits(
    reply_webhook="operator.replied",
    send_path="/messages$",
    open_path="/visitor/v1/[^/]+/conversations$",
    waits_for_agent=True,
    notes=False,
    reopens_by_hand=True,
)
TRAITS = {"intercom": INTERCOM, "hubspot": HUBSPOT, "livechat": LIVECHAT, "zoho": ZOHO}

each_desk = pytest.mark.parametrize("desk", TRAITS)


@pytest.mark.parametrize("desk", [*TRAITS, "livechat_by_token"])
def test_a_conversation_goes_to_a_human_and_back(stages: Stages, desk: str) -> None:
    journeys.there_and_back(stages.take(desk), TRAITS.get(desk, LIVECHAT))


@each_desk
def test_files_travel_both_ways(stages: Stages, desk: str) -> None:
    journeys.files_both_ways(stages.take(desk))


@each_desk
def test_stopping_closes_the_ticket(stages: Stages, desk: str) -> None:
    journeys.stop_closes(stages.take(desk))


@each_desk
def test_a_message_whose_webhook_was_lost_is_caught_up(stages: Stages, desk: str) -> None:
    journeys.lost_webhook(stages.take(desk), TRAITS[desk])


@each_desk
def test_a_command_of_the_user_s_ends_it_and_late_words_are_answered(
    stages: Stages, desk: str
) -> None:
    journeys.ended_by_command(stages.take(desk), TRAITS[desk])


@each_desk
def test_an_agent_takes_an_ended_session_up_again(stages: Stages, desk: str) -> None:
    journeys.taken_up_again(stages.take(desk), TRAITS[desk])


@each_desk
def test_refused_and_unanswered_calls_lose_and_double_nothing(stages: Stages, desk: str) -> None:
    journeys.refused_and_unanswered(stages.take(desk), TRAITS[desk])
