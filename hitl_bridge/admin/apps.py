from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from hitl_bridge import changes
from hitl_bridge.admin.declared import DeclaredAdmin, Fieldsets
from hitl_bridge.forms import AppForm
from hitl_bridge.models import App


@admin.register(App)
class AppAdmin(DeclaredAdmin):
    tenant_path = "tenant"
    declared_base = AppForm
    app_level = True
    list_display = ("slug", "tenant", "show_provider", "created_at")
    list_select_related = ("tenant",)
    list_filter = ("tenant", "provider")
    search_fields = ("slug", "tenant__slug", "tenant__name")
    change_form_before_template = "hitl_bridge/admin/app_addresses.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Fieldsets:
        return [(None, {"fields": ["tenant", "slug"]}), *self.declared_fieldsets(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("tenant",) if obj else ()

    def save_model(self, request: HttpRequest, obj: App, form: Any, change: bool) -> None:
        """Connections that use the app are tested anew."""
        if not change:
            obj.provider = form.adapter.slug
            obj.save()
        elif form.changed_data:
            names = ("slug", "settings", "credentials")
            changes.save_columns(obj, {name: getattr(obj, name) for name in names})
            for installation in obj.installations.select_related("bot"):
                changes.save_columns(installation, changes.unchecked(installation))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not while installations use it."""
        used = obj is not None and obj.installations.exists()
        return not used and super().has_delete_permission(request, obj)

    @admin.display(description="Help desk", ordering="provider")
    def show_provider(self, obj: App) -> str:
        return obj.get_provider_display()
