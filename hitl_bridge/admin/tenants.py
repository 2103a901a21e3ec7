from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest

from hitl_bridge.admin.base import TenantScopedAdmin
from hitl_bridge.models import Tenant


@admin.register(Tenant)
class TenantAdmin(TenantScopedAdmin):
    tenant_path = ""
    list_display = ("show_name", "slug", "show_bots", "show_installations", "created_at")
    search_fields = ("slug", "name")
    fields = ("slug", "name", "created_at")
    readonly_fields = ("created_at",)

    def get_queryset(self, request: HttpRequest) -> Any:
        counts = {
            "bot_count": Count("bots", distinct=True),
            "installation_count": Count("installations", distinct=True),
        }
        return super().get_queryset(request).annotate(**counts)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Everything hangs on a tenant: the admin has no button for it."""
        return False

    @admin.display(description="Tenant", ordering="name")
    def show_name(self, obj: Tenant) -> str:
        return str(obj)

    @admin.display(description="Bots", ordering="bot_count")
    def show_bots(self, obj: Any) -> int:
        return int(obj.bot_count)

    @admin.display(description="Installations", ordering="installation_count")
    def show_installations(self, obj: Any) -> int:
        return int(obj.installation_count)
