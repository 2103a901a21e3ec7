"""Dead letters: what could not be carried out, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from unfold.admin import TabularInline
from unfold.forms import ActionForm
from unfold.widgets import UnfoldAdminTextInputWidget

from conversations.admin.badges import DELIVERY_STYLES
from conversations.admin.links import link
from conversations.flows import operators
from conversations.flows.problems import Conflict
from conversations.models import Attempt, Delivery, DeliveryState, Outcome
from hitl_bridge.admin.base import ObjectAction, ReadOnlyAdmin, badge, two_lines

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


class StateFilter(admin.SimpleListFilter):
    """Dead letters unless something else is asked for."""

    title = "state"
    parameter_name = "state"
    EVERYTHING = "all"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*DeliveryState.choices, (self.EVERYTHING, "Everything")]

    def value(self) -> str:
        return super().value() or DeliveryState.DEAD

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, title in self.lookup_choices:
            yield {
                "selected": self.value() == str(value),
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == self.EVERYTHING:
            return queryset
        return queryset.filter(state=self.value())


class ReasonForm(ActionForm):
    """The reason for dropping, beside the choice of action."""

    reason = forms.CharField(
        required=False,
        label="",
        max_length=200,
        widget=UnfoldAdminTextInputWidget(
            {"placeholder": "Reason, for dropping", "aria-label": "Reason, for dropping"}
        ),
    )


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
    list_filter = (StateFilter, "kind", "tenant", "conversation__installation")
    list_select_related = ("conversation__installation", "conversation__user", "message", "event")
    search_fields = ("conversation__id", "conversation__remote_id", "message__id", "event__id")
    search_help_text = "Id of a conversation, a ticket, a message or an event"
    actions = ("retry_all", "drop_all")
    action_form = ReasonForm
    ordering = ("-id",)
    list_before_template = "conversations/admin/dead_letters_intro.html"
    fields = (
        "show_state", "kind", "show_conversation", "show_installation", "show_message",
        "show_event", "error", "error_kind", "attempt_count", "crash_count", "next_attempt_at",
        "doubtful_since", "repeated_in_doubt", "created_at", "finished_at",
    )  # fmt: skip
    readonly_fields = fields

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Named by what it shows."""
        dead = request.GET.get("state", DeliveryState.DEAD) == DeliveryState.DEAD
        title = "Dead letters" if dead else "Deliveries"
        context = {"title": title, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what every page of it shows."""
        return super().get_queryset(request).select_related(*self.list_select_related)

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits a delivery; deciding on one takes the permission to change it."""
        return bool(request.user.has_perm("conversations.change_delivery"))

    has_decide_permission = has_act_permission  # the name that Django's actions ask for

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
        self._decide(request, [obj], self._retry, "Retried.", "being tried again")

    def drop(self, request: HttpRequest, obj: Delivery) -> None:
        self._decide(request, [obj], self._drop(request), "Dropped.", "dropped")

    @admin.action(description="Retry", permissions=["decide"])
    def retry_all(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """In their order, so that what belongs together stays in order."""
        self._decide(request, queryset.order_by("id"), self._retry, "Retried.", "being tried again")

    @admin.action(description="Drop, with a reason", permissions=["decide"])
    def drop_all(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        rows = queryset.order_by("id")
        self._decide(request, rows, self._drop(request), "Dropped.", "dropped")

    @staticmethod
    def _retry(delivery: Delivery) -> None:
        operators.retry(delivery.pk)

    @staticmethod
    def _drop(request: HttpRequest) -> Callable[[Delivery], None]:
        reason = request.POST.get("reason", "")
        return lambda delivery: operators.drop(delivery.pk, reason)

    def _decide(
        self,
        request: HttpRequest,
        deliveries: Any,
        carry_out: Callable[[Delivery], None],
        log: str,
        done: str,
    ) -> None:
        """Each on its own: one that can't be does not hold up the others."""
        count, problems = 0, set()
        for delivery in deliveries:
            try:
                carry_out(delivery)
            except Conflict as conflict:
                problems.add(conflict.detail)
                continue
            self.log_change(request, delivery, log)
            count += 1
        if count:
            letters = "dead letter is" if count == 1 else "dead letters are"
            messages.success(request, f"{count} {letters} {done}.")
        for problem in sorted(problems):
            messages.warning(request, problem)

    # --- columns ----------------------------------------------------------------------------

    @admin.display(description="What", ordering="kind")
    def show_what(self, obj: Delivery) -> SafeString:
        about = obj.event.type if obj.event else (obj.message.type if obj.message else "")
        return two_lines(obj.get_kind_display(), about)

    @admin.display(description="State", ordering="state")
    def show_state(self, obj: Delivery) -> SafeString:
        return badge(obj.get_state_display(), DELIVERY_STYLES[DeliveryState(obj.state)])

    @admin.display(description="Why")
    def show_error(self, obj: Delivery) -> str:
        return obj.error

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
