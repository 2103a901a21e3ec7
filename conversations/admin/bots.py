"""A bot's page with what its connections know nothing of: its callbacks, and how they fare."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from conversations.flows.trying import try_callback
from conversations.models import UNFINISHED, Attempt, Delivery, DeliveryKind, Outcome
from hitl_bridge.admin.base import ObjectAction
from hitl_bridge.admin.bots import BotAdmin
from hitl_bridge.health import OPENS_AFTER
from hitl_bridge.models import Bot
from hitl_bridge.models.bots import Connector

SHOWN = 10  # latest attempts
LOOKED_AT = 200  # latest events, for the attempts at them
OUTCOME_STYLES = {
    Outcome.DONE: "success",
    Outcome.FOUND: "success",
    Outcome.RUNNING: "info",
    Outcome.DEAD: "danger",
}

admin.site.unregister(Bot)


@admin.register(Bot)
class ToldBotAdmin(BotAdmin):
    """The bot's page, with a panel about how it is told."""

    change_form_outer_before_template = "conversations/admin/bot_panel.html"

    def object_actions(self, request: HttpRequest, obj: Bot) -> list[ObjectAction]:
        actions = list(super().object_actions(request, obj))
        if obj.connector == Connector.CALLBACK and obj.callback_url:
            actions.append(ObjectAction("test", "Send a test event", self.test, "send"))
        return actions

    def test(self, request: HttpRequest, bot: Bot) -> None:
        """One signed event of the type `test`, and what the bot's address said to it."""
        tried = try_callback(bot)
        self.log_change(request, bot, "Sent a test event.")
        (messages.success if tried.good else messages.error)(request, tried.told)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        bot = kwargs.get("obj")
        if bot is not None and bot.pk and bot.connector != Connector.FEED:
            context["panel"] = _panel(bot)
        return super().render_change_form(request, context, *args, **kwargs)


def _panel(bot: Bot) -> dict[str, Any]:
    """How the bot takes its events, and the latest attempts."""
    now = timezone.now()
    latest = list(bot.events.order_by("-pk_number").values_list("pk", flat=True)[:LOOKED_AT])
    attempts = Attempt.objects.filter(delivery__event__in=latest).select_related("delivery__event")
    waiting = Delivery.objects.filter(lane__bot=bot, kind=DeliveryKind.EVENT, state__in=UNFINISHED)
    everything = reverse("admin:conversations_delivery_changelist")
    return {
        "address": bot.callback_url if bot.connector == Connector.CALLBACK else "",
        "held": bot.hold_until if bot.hold_until and bot.hold_until > now else None,
        "breaker": bot.failures >= OPENS_AFTER,
        "rotating": bool(bot.callback_secret and bot.previous_callback_secret),
        "waiting": waiting.count(),
        "attempts": [
            {
                "row": attempt,
                "style": OUTCOME_STYLES.get(Outcome(attempt.outcome), "warning"),
                "page": reverse("admin:conversations_delivery_change", args=[attempt.delivery_id]),
            }
            for attempt in attempts.order_by("-id")[:SHOWN]
        ],
        "all": f"{everything}?state=all&kind__exact=event&conversation__bot__id__exact={bot.pk}",
    }
