from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from conversations.admin import searching, transcript
from conversations.admin.badges import CONVERSATION_STYLES, DELIVERY_STYLES
from conversations.admin.links import page_of
from conversations.flows import operators
from conversations.models import (
    Conversation,
    ConversationStatus,
    Delivery,
    DeliveryState,
    EventType,
)
from hitl_bridge import audit, roles
from hitl_bridge.admin.base import ObjectAction, ReadOnlyAdmin, badge, two_lines

PAGE = 200  # messages, events and deliveries shown at once


@admin.register(Conversation)
class ConversationAdmin(ReadOnlyAdmin):
    """Finding a conversation, reading it, ending it when it is stuck."""

    tenant_path = "tenant"
    list_display = (
        "show_user", "show_status", "show_title", "show_bot", "show_agent", "show_age", "show_ids",
    )  # fmt: skip
    list_display_links = ("show_user", "show_title")
    list_select_related = ("user", "agent", "bot", "installation")
    list_filter = ("status", "stop_reason", "tenant", "bot", "installation", "created_at")
    search_fields = ("id",)  # shows the box; `get_search_results` does the work
    search_help_text = (
        "Name, e-mail or phone of the customer, a tag's value, the ticket's id, "
        "the bot's conversation id, or what was said"
    )
    ordering = ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Conversation], search_term: str
    ) -> tuple[QuerySet[Conversation], bool]:
        """See `searching`."""
        return searching.find(queryset, search_term, self.tenants(request, "view", "change")), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The transcript and all that belongs to it, in place of a form."""
        conversation = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, conversation):
            raise PermissionDenied
        audit.record_reading(request, conversation, before=request.GET.get("before", ""))
        return self.page(
            request,
            "conversations/admin/conversation.html",
            str(conversation),
            conversation,
            **self._reading(request, conversation),
        )

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Conversation:
        rows = self.get_queryset(request).select_related(
            "tenant", "bot", "installation", "user", "agent"
        )
        found: Conversation | None = rows.filter(pk=object_id).first()
        if found is None:
            raise Http404
        return found

    def _reading(self, request: HttpRequest, conversation: Conversation) -> dict[str, Any]:
        """What the page shows: the latest messages, or those before `?before=`."""
        before = request.GET.get("before", "")
        rows = conversation.messages.select_related("user").order_by("-sequence")
        if before.isdigit():
            rows = rows.filter(sequence__lt=int(before))
        said = list(rows[: PAGE + 1])
        earlier, said = (said[PAGE - 1].sequence if len(said) > PAGE else None), said[:PAGE]
        events = list(conversation.events.order_by("-sequence")[:PAGE])
        deliveries = list(
            conversation.deliveries.select_related("message", "event").order_by("-id")[:PAGE]
        )
        system = [event for event in events if event.type != EventType.MESSAGE_CREATED]
        return {
            "lines": transcript.lines(conversation, said, [] if before else system, deliveries),
            "history": [] if earlier else transcript.history(conversation),
            "earlier": earlier,
            "before": before,
            "status_style": CONVERSATION_STYLES[ConversationStatus(conversation.status)],
            "remote_url": transcript.safe_url(conversation.remote_url),
            "tags": conversation.tags.order_by("name"),
            "user_tags": conversation.user.tags.order_by("name"),
            "events": events,
            "deliveries": [_fate(delivery) for delivery in deliveries],
            "object_buttons": self.buttons(request, conversation),
            "object_url": "",
            "user_url": page_of("user", conversation.user_id),
            "installation_url": self._installation_url(request, conversation),
        }

    def _installation_url(self, request: HttpRequest, conversation: Conversation) -> str:
        """Its page; empty for who may not open it."""
        if not roles.may(request.user, "hitl_bridge.view_installation", [conversation.tenant_id]):
            return ""
        args = [quote(conversation.installation_id)]
        return reverse("admin:hitl_bridge_installation_change", args=args)

    def object_actions(self, request: HttpRequest, obj: Conversation) -> list[ObjectAction]:
        if not obj.is_open:
            return []
        question = "The ticket is closed at the help desk and the bot is told. End the session?"
        return [
            ObjectAction("end", "End session", self.end, "stop_circle", "danger", confirm=question)
        ]

    def end(self, request: HttpRequest, obj: Conversation) -> None:
        """End it on both sides."""
        if operators.end_session(obj.pk):
            self.log_change(request, obj, "Ended the session.")
            messages.success(request, "The session has ended; the help desk and the bot are told.")
        else:
            messages.info(request, "The session had ended already.")

    # --- columns ----------------------------------------------------------------------------

    @admin.display(description="Status", ordering="status")
    def show_status(self, obj: Conversation) -> SafeString:
        style = CONVERSATION_STYLES[ConversationStatus(obj.status)]
        return badge(obj.get_stop_reason_display() or obj.get_status_display(), style)

    @admin.display(description="User", ordering="user__name")
    def show_user(self, obj: Conversation) -> SafeString:
        return two_lines(obj.user, obj.user.email or obj.user.phone)

    @admin.display(description="Title", ordering="title")
    def show_title(self, obj: Conversation) -> str:
        return obj.title[:60]

    @admin.display(description="Bot", ordering="bot")
    def show_bot(self, obj: Conversation) -> SafeString:
        return two_lines(obj.bot, obj.installation)

    @admin.display(description="Agent", ordering="agent__name")
    def show_agent(self, obj: Conversation) -> str:
        return str(obj.agent) if obj.agent else ""

    @admin.display(description="Age", ordering="created_at")
    def show_age(self, obj: Conversation) -> str:
        return timesince(obj.created_at, timezone.now(), depth=1)

    @admin.display(description="Ticket, bot's id", ordering="remote_id")
    def show_ids(self, obj: Conversation) -> SafeString:
        return two_lines(obj.remote_id or "-", obj.bot_conversation_id)


def _fate(delivery: Delivery) -> dict[str, Any]:
    """A delivery as a row of the page's table."""
    state = DeliveryState(delivery.state)
    return {
        "delivery": delivery,
        "style": DELIVERY_STYLES[state],
        "url": page_of("delivery", delivery.pk),
    }
