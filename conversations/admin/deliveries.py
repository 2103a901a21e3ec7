"""Dead letters: what could not be carried out, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.admin import TabularInline

from conversations.admin.badges import DELIVERY_STYLES
from conversations.admin.delivery_filters import (
    ReasonFilter,
    ReasonForm,
    RetrySinceForm,
    SinceFilter,
    StateFilter,
)
from conversations.admin.links import link
from conversations.flows import explaining, operators, replaying
from conversations.flows.problems import FlowError
from conversations.models import Attempt, Delivery, DeliveryState, Outcome
from hitl_bridge.admin.base import ObjectAction, ReadOnlyAdmin, badge, two_lines
from hitl_bridge.models import Installation

AT_ONCE = 1000  # dead letters that one press of the button retries
LIST = "admin:conversations_delivery_changelist"
RETRY_SINCE = "admin:conversations_delivery_retry_since"

OUTCOME_STYLES = {
    Outcome.RUNNING: "info",
    Outcome.DONE: "success",
    Outcome.FOUND: "success",
    Outcome.RETRY: "warning",
    Outcome.UNKNOWN: "warning",
    Outcome.CRASHED: "warning",
    Outcome.HELD: "warning",
    Outcome.DEAD: "danger",
}


class AttemptInline(TabularInline):
    """Each try and how it ended."""

    model = Attempt
    fields = readonly_fields = (
        "number", "show_outcome", "status_code", "error", "started_at", "finished_at",
    )  # fmt: skip
    extra = 0
    can_delete = False
    hide_title = True
    per_page = 50
    ordering = ("-number",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Outcome")
    def show_outcome(self, obj: Attempt) -> SafeString:
        return badge(obj.get_outcome_display(), OUTCOME_STYLES[Outcome(obj.outcome)])


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    tenant_path = "tenant"
    inlines = (AttemptInline,)
    list_display = (
        "show_what", "show_state", "show_error", "attempt_count", "show_conversation",
        "show_installation", "show_age",
    )  # fmt: skip
    list_filter = (
        StateFilter, ReasonFilter, SinceFilter, "kind", "tenant", "conversation__bot",
        "conversation__installation", "conversation__installation__provider",
    )  # fmt: skip
    list_select_related = ("conversation__installation", "conversation__user", "message", "event")
    search_fields = ("conversation__id", "conversation__remote_id", "message__id", "event__id")
    search_help_text = "Id of a conversation, a ticket, a message or an event"
    actions = ("retry_all", "drop_all")
    action_form = ReasonForm
    ordering = ("-id",)
    list_before_template = "conversations/admin/dead_letters_intro.html"
    fields = (
        "show_state", "kind", "show_reason", "error", "show_next_step", "show_conversation",
        "show_installation", "show_message", "show_event", "attempt_count", "crash_count",
        "next_attempt_at", "doubtful_since", "repeated_in_doubt", "created_at", "finished_at",
    )  # fmt: skip
    readonly_fields = fields

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Named by what it shows."""
        dead = request.GET.get("state", DeliveryState.DEAD) == DeliveryState.DEAD
        title = "Dead letters" if dead else "Deliveries"
        may = self.has_decide_permission(request)
        retry_since = reverse(RETRY_SINCE) if dead and may else ""
        context = {"title": title, "retry_since": retry_since, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what every page of it shows."""
        return super().get_queryset(request).select_related(*self.list_select_related)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Nobody edits a delivery; deciding on one takes the permission to change it."""
        return self.may(request, "change")

    # --- buttons and actions ----------------------------------------------------------------

    def object_actions(self, request: HttpRequest, obj: Delivery) -> list[ObjectAction]:
        if obj.state != DeliveryState.DEAD:
            return []
        drop = ObjectAction(
            "drop", "Drop", self.drop, "delete", "danger", prompt="Reason for dropping it"
        )
        if operators.retry_problem(obj, obj.conversation):
            return [drop]
        return [ObjectAction("retry", "Retry", self.retry, "replay", "primary"), drop]

    def retry(self, request: HttpRequest, obj: Delivery) -> None:
        self._decide(request, [obj], self._retry(request), "being tried again")

    def drop(self, request: HttpRequest, obj: Delivery) -> None:
        self._decide(request, [obj], self._drop(request), "dropped")

    @admin.action(description="Retry", permissions=["decide"])
    def retry_all(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """In their order, so that what belongs together stays in order."""
        rows = queryset.order_by("id")
        self._decide(request, rows, self._retry(request), "being tried again")

    @admin.action(description="Drop, with a reason", permissions=["decide"])
    def drop_all(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        rows = queryset.order_by("id")
        self._decide(request, rows, self._drop(request), "dropped")

    @staticmethod
    def _retry(request: HttpRequest) -> Callable[[Delivery], None]:
        return lambda delivery: operators.retry(delivery.pk, request)

    @staticmethod
    def _drop(request: HttpRequest) -> Callable[[Delivery], None]:
        reason = request.POST.get("reason", "")
        return lambda delivery: operators.drop(delivery.pk, reason, request)

    def _decide(
        self,
        request: HttpRequest,
        deliveries: Any,
        carry_out: Callable[[Delivery], None],
        done: str,
    ) -> None:
        """Each on its own: one that can't be does not hold up the others."""
        count, problems = 0, set()
        for delivery in deliveries:
            try:
                carry_out(delivery)
            except FlowError as problem:
                problems.add(problem.detail)
                continue
            count += 1
        _say(request, count, problems, done)

    # --- all since a time -------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.retry_since_view)
        name = RETRY_SINCE.partition(":")[2]
        return [path("retry-since/", view, name=name), *super().get_urls()]

    def retry_since_view(self, request: HttpRequest) -> HttpResponse:
        """Ask since when, say how many that are, and retry them when asked to."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        form = RetrySinceForm(self.choices(request, Installation, "change"), request.POST or None)
        count = None
        if request.method == "POST" and form.is_valid():
            mine = self.only(Delivery.objects.all(), self.tenants(request, "change"))
            rows = replaying.dead_since(form.chosen(mine), form.cleaned_data["since"])
            if "retry" in request.POST:
                return self._retry_since(request, rows)
            count = rows.count()
        return self.page(
            request, "conversations/admin/retry_since.html", "Retry all since a time", None,
            form=form, count=count, back=reverse(LIST),
        )  # fmt: skip

    def _retry_since(self, request: HttpRequest, rows: QuerySet[Delivery]) -> HttpResponse:
        found = list(islice(replaying.retry_all(rows, request), AT_ONCE))
        done = found.count("")
        _say(request, done, {problem for problem in found if problem}, "being tried again")
        if not found:
            messages.info(request, "There is no such dead letter.")
        if len(found) == AT_ONCE:
            messages.info(request, "There may be more: press again, or use manage.py replay.")
        return redirect(LIST)

    # --- columns ----------------------------------------------------------------------------

    @admin.display(description="What", ordering="kind")
    def show_what(self, obj: Delivery) -> SafeString:
        about = obj.event.type if obj.event else (obj.message.type if obj.message else "")
        return two_lines(obj.get_kind_display(), about)

    @admin.display(description="State", ordering="state")
    def show_state(self, obj: Delivery) -> SafeString:
        return badge(obj.get_state_display(), DELIVERY_STYLES[DeliveryState(obj.state)])

    @admin.display(description="Why")
    def show_error(self, obj: Delivery) -> Any:
        if obj.state != DeliveryState.DEAD:
            return obj.error
        return two_lines(explaining.reason(obj)[0], obj.error)

    @admin.display(description="Reason")
    def show_reason(self, obj: Delivery) -> Any:
        if not (obj.error_kind or obj.state == DeliveryState.DEAD):
            return "-"
        return two_lines(*explaining.reason(obj)[:2])

    @admin.display(description="What to do")
    def show_next_step(self, obj: Delivery) -> str:
        return explaining.next_step(obj) or "-"

    @admin.display(description="Conversation")
    def show_conversation(self, obj: Delivery) -> Any:
        return link("conversation", obj.conversation_id, f"{obj.conversation.user}")

    @admin.display(description="Installation")
    def show_installation(self, obj: Delivery) -> str:
        return str(obj.conversation.installation)

    @admin.display(description="Message")
    def show_message(self, obj: Delivery) -> Any:
        return link("message", obj.message_id, f"{obj.message}") if obj.message else "-"

    @admin.display(description="Event")
    def show_event(self, obj: Delivery) -> Any:
        return link("event", obj.event_id, f"{obj.event}") if obj.event else "-"

    @admin.display(description="Age", ordering="id")
    def show_age(self, obj: Delivery) -> str:
        return timesince(obj.created_at, timezone.now(), depth=1)


def _say(request: HttpRequest, count: int, problems: set[str], done: str) -> None:
    """How many were decided on, and each reason why others could not be, once."""
    if count:
        letters = "dead letter is" if count == 1 else "dead letters are"
        messages.success(request, f"{count} {letters} {done}.")
    for problem in sorted(problems):
        messages.warning(request, problem)
