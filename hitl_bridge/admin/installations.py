from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

import providers
from hitl_bridge import changes, connect, connecting, oauth, options, provisioning
from hitl_bridge.admin.base import ObjectAction, badge, two_lines
from hitl_bridge.admin.copies import CopyingAdmin
from hitl_bridge.admin.declared import DeclaredAdmin, Fieldsets
from hitl_bridge.admin.installation_panel import STATUS_STYLES, ago, panel
from hitl_bridge.fields import PickerWidget
from hitl_bridge.forms import (
    SETTING,
    DeclaredForm,
    InstallationForm,
    declared_form,
    option_field,
)
from hitl_bridge.models import Installation, InstallationStatus
from hitl_bridge.options.declared import HOURS, SESSIONS, TEXTS
from providers.base import Provider
from providers.errors import ProviderError

# Saved with a form; what workers write to the same row is left to them.
FORM_COLUMNS = (
    "slug", "app", "settings", "credentials", "options", "api_base_url", "auth_base_url",
)  # fmt: skip


# How the parts of the options look, where there is something to say.
OPTION_PARTS: dict[str, dict[str, Any]] = {
    SESSIONS: {"description": "Several words are separated by commas; off: none."},
    TEXTS: {
        "classes": ["collapse"],
        "description": "For each: on (the bridge's words), off, or words of your own. Words for "
        "one language begin with it on a line of their own: [de] Hallo!",
    },
    HOURS: {"classes": ["collapse"]},
}


@admin.register(Installation)
class InstallationAdmin(CopyingAdmin, DeclaredAdmin):
    tenant_path = "tenant"
    declared_base = InstallationForm
    list_display = (
        "slug", "show_status", "show_account", "show_bot", "show_received", "show_sent",
    )  # fmt: skip
    list_select_related = ("tenant", "bot")
    list_filter = ("status", "tenant", "provider", "bot")
    search_fields = (
        "id", "slug", "account_name", "account_id", "bot__slug", "bot__name", "tenant__slug",
        "tenant__name",
    )  # fmt: skip
    change_form_outer_before_template = "hitl_bridge/admin/installation_panel.html"
    change_form_outer_after_template = "hitl_bridge/admin/installation_checklist.html"

    # --- form -------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Fieldsets:
        head: Fieldsets = [(None, {"fields": ["bot", "slug", "app"]})]
        declared = self.declared_fieldsets(request, obj)
        if obj is not None and not self.has_change_permission(request, obj):
            return [*head, *declared]
        return [
            *head,
            *declared,
            *self._option_fieldsets(obj),
            (
                "Other addresses",
                {
                    "fields": ["api_base_url", "auth_base_url"],
                    "description": "Only for a sandbox or a proxy in place of the vendor.",
                    "classes": ["collapse"],
                },
            ),
        ]

    def _option_fieldsets(self, obj: Installation | None) -> Fieldsets:
        parts: dict[str, list[str]] = {}
        for item in options.offered(obj.bot if obj else None):
            parts.setdefault(item.part, []).append(option_field(item))
        return [
            (part, {"fields": fields, **OPTION_PARTS.get(part, {})})
            for part, fields in parts.items()
        ]

    def form_of(self, adapter: type[Provider], obj: Any) -> type[DeclaredForm]:
        """With the options of its bot; of a new one's bot nothing is known yet."""
        offered = options.offered(obj.bot if obj else None)
        return declared_form(self.declared_base, adapter, offered=offered)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """An installation stays with its bot: conversations hang on both."""
        return ("bot",) if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        for name, field in form.base_fields.items():
            if obj and isinstance(field.widget, PickerWidget):
                args = [obj.pk, name.removeprefix(SETTING)]
                field.widget.options_url = reverse(
                    "admin:hitl_bridge_installation_options", args=args
                )
        return form

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        slug = request.GET.get("provider", "") or self._provider_of_page(request)
        if db_field.name == "app" and field is not None and slug:
            field.queryset = field.queryset.filter(provider=slug)
        return field

    def _provider_of_page(self, request: HttpRequest) -> str:
        match = request.resolver_match
        pk = unquote(match.kwargs.get("object_id", "")) if match else ""
        found = self.get_queryset(request).filter(pk=pk).values_list("provider", flat=True)
        return found.first() or ""

    def save_model(self, request: HttpRequest, obj: Installation, form: Any, change: bool) -> None:
        if not change:
            obj.provider, obj.provision_at = form.adapter.slug, provisioning.lease()
            obj.save()
        elif form.changed_data:
            before = Installation.objects.get(pk=obj.pk)
            columns = {name: getattr(obj, name) for name in FORM_COLUMNS}
            moved = [n for n in changes.CONNECTION_COLUMNS if getattr(before, n) != columns[n]]
            if not moved:
                changes.save_columns(obj, columns)
                return
            changes.save_columns(obj, {**columns, **_about_to_connect(obj)})
            changes.forget_grant(obj, before.credentials, obj.credentials)
        else:
            return
        request.saved_installation = obj  # type: ignore[attr-defined]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """After the commit, try the connection: whoever saved wants to know."""
        response: HttpResponse = super().changeform_view(request, *args, **kwargs)
        saved: Installation | None = getattr(request, "saved_installation", None)
        if saved is not None:
            connecting.connect_now(request, saved)
        return response

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        return self._to_its_page(request, obj, super().response_add(request, obj))

    def response_change(self, request: HttpRequest, obj: Any) -> Any:
        return self._to_its_page(request, obj, super().response_change(request, obj))

    def _to_its_page(self, request: HttpRequest, obj: Any, response: HttpResponse) -> HttpResponse:
        """There stand the addresses and what is to be done next."""
        onwards = "_addanother" not in request.POST and "_popup" not in request.POST
        return redirect(self.url_of(obj)) if onwards else response

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what was never used: conversations hang on the others. Disable those."""
        if obj is not None and (obj.last_sent_at or obj.last_received_at or obj.state):
            return False
        return bool(super().has_delete_permission(request, obj))

    # --- page -------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.options_view)
        name = "hitl_bridge_installation_options"
        return [path("<str:object_id>/options/<slug:field>/", view, name=name), *super().get_urls()]

    def options_view(self, request: HttpRequest, object_id: str, field: str) -> JsonResponse:
        """The help desk's values for a picker: {options: [{value, label}]} or {error}."""
        installation = self.get_object(request, object_id)
        if not self.has_change_permission(request, installation):
            raise PermissionDenied
        try:
            found = connect.provider_for(installation).options(field)
        except ProviderError as error:
            return JsonResponse({"error": error.detail})
        return JsonResponse({"options": [{"value": o.value, "label": o.label} for o in found]})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        obj = kwargs.get("obj")
        if obj is not None and obj.pk:
            context["panel"] = panel(obj)
            # Browsers hold a form's policy against all that its answer redirects to: the vendor's
            # login, and wherever that sends them. With a sandbox in its place that is by http.
            by_login = providers.get(obj.provider).capabilities.oauth
            other = [obj.auth_base_url] if obj.auth_base_url.startswith("http://") else []
            request.csp_form_action = ["https:", *other] if by_login else []  # type: ignore[attr-defined]
        return super().render_change_form(request, context, *args, **kwargs)

    # --- buttons ----------------------------------------------------------------------------

    def object_actions(self, request: HttpRequest, obj: Installation) -> list[ObjectAction]:
        if obj.status == InstallationStatus.DISABLED:
            enable = ObjectAction("resume", "Enable", self.resume, "play_arrow", "primary")
            return [enable, *self.copy_actions()]
        capabilities = providers.get(obj.provider).capabilities
        actions = []
        by_login = capabilities.oauth and not obj.merged_credentials().get("access_token")
        login_first = by_login and obj.status != InstallationStatus.ACTIVE
        if by_login:
            label, style = ("Connect", "primary") if login_first else ("Connect again", "")
            actions.append(ObjectAction("connect", label, self.start_oauth, "link", style))
        style = "" if login_first else "primary"
        actions.append(
            ObjectAction("check", "Test connection", self.test_connection, "network_check", style)
        )
        if capabilities.provisions_webhooks:
            actions.append(ObjectAction("register", "Register", self.register, "add_link"))
            if obj.state:
                actions.append(
                    ObjectAction(
                        "unregister", "Unregister", self.unregister, "link_off",
                        confirm="The help desk will send no more events. Go on?",
                    )
                )  # fmt: skip
        if obj.status == InstallationStatus.PAUSED:
            actions.append(ObjectAction("resume", "Resume", self.resume, "play_arrow"))
        else:
            actions.append(ObjectAction("pause", "Pause", self.pause, "pause"))
        question = (
            "New sessions will be refused and what waits for this help desk stays where it is. "
            "Open conversations are not ended. Disable it?"
        )
        actions.append(
            ObjectAction("disable", "Disable", self.disable, "block", "danger", question)
        )
        return [*actions, *self.copy_actions()]

    def start_oauth(self, request: HttpRequest, obj: Installation) -> HttpResponse | None:
        """To the vendor, and back to hitl_bridge.oauth."""
        try:
            return oauth.begin(request, obj)
        except ProviderError as error:
            messages.error(request, error.detail)
            return None

    def test_connection(self, request: HttpRequest, obj: Installation) -> None:
        connecting.check(request, obj)

    def register(self, request: HttpRequest, obj: Installation) -> None:
        if connecting.register(request, obj):
            self.log_change(request, obj, "Registered at the help desk.")

    def unregister(self, request: HttpRequest, obj: Installation) -> None:
        try:
            connect.unregister(obj)
        except ProviderError as error:
            messages.error(request, f"Unregistering failed: {error.detail}")
            return
        self.log_change(request, obj, "Unregistered at the help desk.")
        messages.success(request, "What had been registered at the help desk is removed.")

    def pause(self, request: HttpRequest, obj: Installation) -> None:
        changes.save_columns(obj, {"status": InstallationStatus.PAUSED})
        self.log_change(request, obj, "Paused.")
        messages.success(request, "Paused: sessions still start and queue, nothing is sent.")

    def resume(self, request: HttpRequest, obj: Installation) -> None:
        columns = {**_about_to_connect(obj), "status": InstallationStatus.NEW}
        changes.save_columns(obj, columns)
        self.log_change(request, obj, "Resumed.")
        connecting.connect_now(request, obj)

    def disable(self, request: HttpRequest, obj: Installation) -> None:
        connect.disable(obj)
        self.log_change(request, obj, "Disabled.")
        messages.success(
            request,
            "Disabled: the bot can start no sessions here. What is set up at the help desk is "
            "removed in the background.",
        )

    # --- columns ----------------------------------------------------------------------------

    @admin.display(description="Status", ordering="status")
    def show_status(self, obj: Installation) -> SafeString:
        shown = badge(obj.get_status_display(), STATUS_STYLES[InstallationStatus(obj.status)])
        reason = obj.status_reason or obj.hold_reason
        return two_lines(shown, reason) if reason else shown

    @admin.display(description="Help desk", ordering="provider")
    def show_account(self, obj: Installation) -> SafeString:
        return two_lines(obj.get_provider_display(), obj.account_name)

    @admin.display(description="Bot", ordering="bot")
    def show_bot(self, obj: Installation) -> SafeString:
        return two_lines(obj.bot, obj.tenant)

    @admin.display(description="Last webhook", ordering="last_received_at")
    def show_received(self, obj: Installation) -> str:
        return ago(obj.last_received_at)

    @admin.display(description="Last sent", ordering="last_sent_at")
    def show_sent(self, obj: Installation) -> str:
        return ago(obj.last_sent_at)


def _about_to_connect(obj: Installation) -> dict[str, Any]:
    """The columns of a connection that this request is going to test."""
    return {**changes.unchecked(obj), "provision_at": provisioning.lease()}
