from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest

from hitl_bridge import alert_sending, changes, roles
from hitl_bridge.admin.base import ObjectAction, TenantScopedAdmin, set_or_not
from hitl_bridge.alert_forms import TenantForm
from hitl_bridge.models import Tenant

ALERTS = ("alert_emails", "alert_webhook_url", "alert_webhook_secret")


@admin.register(Tenant)
class TenantAdmin(TenantScopedAdmin):
    tenant_path = ""
    ordering = ("slug",)
    form = TenantForm
    list_display = ("show_name", "slug", "show_bots", "show_installations", "created_at")
    search_fields = ("slug", "name")
    readonly_fields = ("created_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        counts = {
            "bot_count": Count("bots", distinct=True),
            "installation_count": Count("installations", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look gets every field as it is stored: the secret must not be among them."""
        alerts = ALERTS if self.may(request, "change", obj) else (*ALERTS[:2], "show_secret")
        note = "Told when something of this tenant needs an operator, beside the platform's own."
        return [
            (None, {"fields": ("slug", "name", "created_at")}),
            ("Retention", {"fields": ("content_days", "receipt_days")}),
            ("Alerts", {"fields": alerts, "description": note}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Where the secret's stand-in is shown, it is a field as well; slugs are the platform's."""
        mine = () if roles.reaches_all(request.user) else ("slug",)
        return (*self.readonly_fields, "show_secret", *mine)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Everything hangs on a tenant: the admin has no button for it."""
        return False

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        if not change:
            obj.save()
        elif form.changed_data:
            changes.save_columns(obj, {name: getattr(obj, name) for name in form.changed_data})

    # --- buttons ----------------------------------------------------------------------------

    def object_actions(self, request: HttpRequest, obj: Tenant) -> list[ObjectAction]:
        if not (obj.alert_emails or obj.alert_webhook_url):
            return []
        return [ObjectAction("test-alerts", "Send a test alert", self.test_alerts, "notifications")]

    def test_alerts(self, request: HttpRequest, tenant: Tenant) -> None:
        """Send one by each way, and say what came of it."""
        for sent, sentence in alert_sending.send_test(tenant):
            (messages.success if sent else messages.error)(request, sentence)
        self.log_change(request, tenant, "Sent a test alert.")

    # --- columns ----------------------------------------------------------------------------

    @admin.display(description="Tenant", ordering="name")
    def show_name(self, obj: Tenant) -> str:
        return str(obj)

    @admin.display(description="Secret")
    def show_secret(self, obj: Tenant) -> Any:
        return set_or_not({"alert_webhook_secret": obj.alert_webhook_secret})

    @admin.display(description="Bots", ordering="bot_count")
    def show_bots(self, obj: Any) -> int:
        return int(obj.bot_count)

    @admin.display(description="Installations", ordering="installation_count")
    def show_installations(self, obj: Any) -> int:
        return int(obj.installation_count)
