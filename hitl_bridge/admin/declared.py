"""Admins whose form an adapter declares: the help desk is chosen first, then its fields appear."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

import providers
from hitl_bridge.admin.base import HistoryAdmin, TenantScopedAdmin, set_or_not
from hitl_bridge.forms import CREDENTIAL, SETTING, DeclaredForm, declared_form
from providers.base import Provider

Fieldsets = list[tuple[str | None, dict[str, Any]]]


class DeclaredAdmin(HistoryAdmin, TenantScopedAdmin):
    """Takes the adapter from the row, or for a new one from `?provider=`."""

    declared_base: ClassVar[type[DeclaredForm]]
    app_level = False

    def adapter_of(self, request: HttpRequest, obj: Any) -> type[Provider] | None:
        """The adapter that the form is for; None while it has not been chosen."""
        slug = obj.provider if obj else request.GET.get("provider", "")
        return providers.get(slug) if slug in providers.PROVIDERS else None

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        adapter = self.adapter_of(request, None)
        if adapter is None:
            return self.choose_view(request)
        title = f"Add {self.opts.verbose_name}: {adapter.label}"
        context = {"title": title, **(extra_context or {})}
        response: HttpResponse = super().add_view(request, form_url, context)
        return response

    def choose_view(self, request: HttpRequest) -> HttpResponse:
        """The first of the two steps of adding."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        # Not the classes themselves: a template would call them.
        choices = [
            (slug, adapter.label, adapter.capabilities.oauth)
            for slug, adapter in ((slug, providers.get(slug)) for slug in providers.PROVIDERS)
        ]
        kept = {key: value for key, value in request.GET.items() if key != "provider"}
        return self.page(
            request,
            "hitl_bridge/admin/choose_help_desk.html",
            f"Add {self.opts.verbose_name}: choose the help desk",
            None,
            choices=choices,
            kept=kept,
        )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        adapter = self.adapter_of(request, obj)
        if adapter is not None:
            kwargs["form"] = self.form_of(adapter, obj)
        return super().get_form(request, obj, change=change, **kwargs)

    def form_of(self, adapter: type[Provider], obj: Any) -> type[DeclaredForm]:
        """The form that the adapter's declaration makes."""
        del obj
        return declared_form(self.declared_base, adapter, app_level=self.app_level)

    def declared_fieldsets(self, request: HttpRequest, obj: Any) -> Fieldsets:
        """The adapter's settings and credentials, empty parts left out."""
        adapter = self.adapter_of(request, obj)
        if adapter is None:
            return []
        if obj is not None and not self.has_change_permission(request, obj):
            # The form's fields are no columns: who may only look is shown them otherwise.
            return [("Connection", {"fields": ["show_settings", "show_credentials"]})]
        form = self.form_of(adapter, obj)
        credentials = [CREDENTIAL + item.name for item in form.declared_credentials]
        settings = [SETTING + item.name for item in form.declared_settings]
        parts: Fieldsets = [
            ("Credentials", {"fields": credentials}),
            (f"{adapter.label} settings", {"fields": settings}),
        ]
        return [part for part in parts if part[1]["fields"]]

    @admin.display(description="Settings")
    def show_settings(self, obj: Any) -> SafeString:
        return format_html_join(mark_safe("<br>"), "{}: {}", sorted(obj.settings.items()))

    @admin.display(description="Credentials")
    def show_credentials(self, obj: Any) -> SafeString:
        declared = providers.get(obj.provider).credential_fields
        return set_or_not({item.name: obj.credentials.get(item.name, "") for item in declared})
