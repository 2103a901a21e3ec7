from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from hitl_bridge.admin.base import ReadOnlyAdmin, badge
from hitl_bridge.alert_sending import admin_path
from hitl_bridge.models import Alert, AlertNotice
from hitl_bridge.models.alerts import NoticeState

NOTICE_STYLES = {
    NoticeState.PENDING: "info",
    NoticeState.SENT: "success",
    NoticeState.FAILED: "danger",
}


class NoticeInline(TabularInline):
    """Who was told of it, and how."""

    model = AlertNotice
    fields = readonly_fields = (
        "phase", "channel", "audience", "show_state", "attempts", "error", "created_at", "sent_at",
    )  # fmt: skip
    extra = 0
    can_delete = False
    hide_title = True
    per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see an alert may see who was told of it."""
        return True

    @admin.display(description="State")
    def show_state(self, obj: AlertNotice) -> SafeString:
        return badge(obj.get_state_display(), NOTICE_STYLES[NoticeState(obj.state)])


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    tenant_path = "tenant"
    inlines = (NoticeInline,)
    list_display = ("kind", "show_subject", "tenant", "count", "show_state", "opened_at")
    list_select_related = ("tenant",)
    list_filter = (("solved_at", admin.EmptyFieldListFilter), "kind", "tenant")
    search_fields = ("subject_label", "subject_id")
    fields = readonly_fields = (
        "kind", "tenant", "show_subject", "count", "show_state", "opened_at", "told_at",
        "solved_at",
    )  # fmt: skip

    @admin.display(description="Where to mend it", ordering="subject_label")
    def show_subject(self, obj: Alert) -> SafeString:
        template = '<a class="hb-link" href="{}">{}</a>'
        return format_html(template, admin_path(obj), obj.subject_label)

    @admin.display(description="State", ordering="solved_at")
    def show_state(self, obj: Alert) -> SafeString:
        return badge("Solved", "success") if obj.solved_at else badge("Open", "danger")
