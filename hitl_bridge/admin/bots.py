from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from hitl_bridge import changes
from hitl_bridge.admin.base import HistoryAdmin, ObjectAction, TenantScopedAdmin, badge, set_or_not
from hitl_bridge.callback_secrets import new_callback_secret
from hitl_bridge.fields import in_zone
from hitl_bridge.forms import BotForm, OwnForm
from hitl_bridge.models import ApiKey, Bot
from hitl_bridge.models.bots import ApiKeyScope, Connector, all_scopes


def key_badge(key: ApiKey) -> SafeString:
    """Whether the key is taken."""
    if key.revoked_at:
        return badge("Revoked", "danger")
    expired = key.expires_at and key.expires_at <= timezone.now()
    return badge("Expired", "warning") if expired else badge("Live", "success")


class IssueKeyForm(forms.Form):
    """What a new key is for."""

    name = forms.CharField(
        max_length=100,
        widget=UnfoldAdminTextInputWidget(),
        help_text="What the key is used for, such as “production”. One name per key of the bot.",
    )
    scopes = forms.MultipleChoiceField(
        choices=ApiKeyScope.choices,
        initial=all_scopes,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    expires_at = forms.SplitDateTimeField(
        label="Expires",
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget(),
        help_text=in_zone("Empty: never."),
    )

    def __init__(self, bot: Bot, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bot = bot

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if self.bot.api_keys.filter(name=name).exists():
            raise forms.ValidationError("This bot has a key of that name already.")
        return name


class ApiKeyInline(TabularInline):
    """A bot's keys, to look at; each one's page revokes it."""

    model = ApiKey
    fields = readonly_fields = ("name", "prefix", "show_state", "expires_at", "last_used_at")
    extra = 0
    can_delete = False
    hide_title = True
    show_change_link = True
    verbose_name_plural = "API keys"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="State")
    def show_state(self, obj: ApiKey) -> SafeString:
        return key_badge(obj)


@admin.register(Bot)
class BotAdmin(HistoryAdmin, TenantScopedAdmin):
    tenant_path = "tenant"
    form = BotForm
    inlines = (ApiKeyInline,)
    list_display = ("show_name", "tenant", "show_connector", "show_state", "last_delivered_at")
    list_select_related = ("tenant",)
    list_filter = ("tenant", "connector", "enabled")
    search_fields = ("slug", "name", "tenant__slug", "tenant__name")
    readonly_fields = ("show_state", "last_delivered_at", "last_error", "created_at")
    fieldsets = (
        (None, {"fields": ("tenant", "slug", "name", "enabled")}),
        (
            "How the bot is told",
            {
                "fields": (
                    "connector", "callback_url", "callback_secret", "previous_callback_secret",
                ),
            },
        ),
        (
            "Botpress",
            {"fields": ("botpress_webhook_url", "botpress_token", "botpress_bot_id")},
        ),
        ("State", {"fields": ("show_state", "last_delivered_at", "last_error", "created_at")}),
    )  # fmt: skip

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look gets every field as it is stored: secrets must not be among them."""
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        fields = ["tenant", "slug", "name", "enabled", "connector", "callback_url"]
        return [
            (None, {"fields": [*fields, "botpress_bot_id", "show_secrets"]}),
            self.fieldsets[-1],
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A bot stays with its tenant: what it has done hangs on both."""
        return (*self.readonly_fields, "tenant") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Conversations hang on a bot: disable it instead."""
        return False

    def save_model(self, request: HttpRequest, obj: Bot, form: Any, change: bool) -> None:
        if not change:
            obj.save()
            return
        columns = {name: getattr(obj, name) for name in form.changed_data}
        if changes.CALLBACK_COLUMNS & columns.keys():
            columns |= changes.untried()
        if columns:
            changes.save_columns(obj, columns)

    # --- buttons ----------------------------------------------------------------------------

    def object_actions(self, request: HttpRequest, obj: Bot) -> list[ObjectAction]:
        actions = [
            ObjectAction(
                "issue-key", "Issue an API key", self.issue_key, "key", "primary", opens_page=True
            )
        ]
        if obj.connector == Connector.CALLBACK:
            question = (
                "A new secret is made and shown once. The present one goes on signing beside it "
                "until you remove it; one that is older stops now."
            )
            actions.append(
                ObjectAction(
                    "new-secret", "New callback secret", self.new_secret, "sync_lock",
                    confirm=question if obj.callback_secret else "",
                )
            )  # fmt: skip
        if obj.callback_disabled_reason:
            actions.append(
                ObjectAction("switch-on", "Switch callbacks on again", self.switch_on, "power")
            )
        return actions

    def issue_key(self, request: HttpRequest, bot: Bot) -> HttpResponse:
        """Ask what the key is for, then show it once."""
        form = IssueKeyForm(bot, request.POST or None)
        if request.method == "POST" and form.is_valid():
            key, text = ApiKey.issue(bot, **form.cleaned_data)
            self.log_change(request, bot, f"Issued the API key “{key.name}”.")
            return self.shown_once(request, bot, f"API key “{key.name}”", text)
        return self.page(
            request, "hitl_bridge/admin/ask.html", f"Issue an API key for {bot}", bot,
            form=form, button="Issue the key",
        )  # fmt: skip

    def new_secret(self, request: HttpRequest, bot: Bot) -> HttpResponse:
        """The present secret becomes the previous one; both sign until that is removed."""
        secret = new_callback_secret()
        columns = {"callback_secret": secret, "previous_callback_secret": bot.callback_secret}
        changes.save_columns(bot, columns)
        self.log_change(request, bot, "Made a new callback secret.")
        return self.shown_once(request, bot, "New callback secret", secret)

    def switch_on(self, request: HttpRequest, bot: Bot) -> None:
        """The bot had answered 410: try it again."""
        changes.save_columns(bot, changes.untried())
        self.log_change(request, bot, "Switched callbacks on again.")
        messages.success(request, "Callbacks are on again; waiting events go out within minutes.")

    def shown_once(self, request: HttpRequest, bot: Bot, title: str, text: str) -> HttpResponse:
        """The one page that shows a secret. It is in no message and no address."""
        return self.page(request, "hitl_bridge/admin/shown_once.html", title, bot, text=text)

    # --- columns ----------------------------------------------------------------------------

    @admin.display(description="Bot", ordering="name")
    def show_name(self, obj: Bot) -> str:
        return str(obj)

    @admin.display(description="Secrets")
    def show_secrets(self, obj: Bot) -> SafeString:
        return set_or_not({name: getattr(obj, name) for name in BotForm.secret_columns})

    @admin.display(description="Told by", ordering="connector")
    def show_connector(self, obj: Bot) -> str:
        return obj.get_connector_display()

    @admin.display(description="State")
    def show_state(self, obj: Bot) -> SafeString:
        if not obj.enabled:
            return badge("Disabled", "")
        if obj.callback_disabled_reason:
            return badge("Callbacks off", "danger")
        if obj.hold_until and obj.hold_until > timezone.now():
            return badge("Out of reach", "warning")
        return badge("In service", "success")


@admin.register(ApiKey)
class ApiKeyAdmin(HistoryAdmin, TenantScopedAdmin):
    tenant_path = "bot__tenant"
    form = OwnForm
    list_display = (
        "name", "bot", "show_tenant", "prefix", "show_state", "expires_at", "last_used_at",
    )  # fmt: skip
    list_select_related = ("bot__tenant",)
    list_filter = ("bot__tenant", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "prefix", "bot__slug", "bot__name")
    fields = (
        "bot", "name", "prefix", "show_state", "scopes", "expires_at", "revoked_at",
        "last_used_at", "created_at",
    )  # fmt: skip
    readonly_fields = ("bot", "prefix", "show_state", "revoked_at", "last_used_at", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keys are issued on their bot's page, which shows them once."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A revoked key stays, to say when it was used last."""
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "scopes":
            return forms.MultipleChoiceField(
                choices=ApiKeyScope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget()
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def object_actions(self, request: HttpRequest, obj: ApiKey) -> list[ObjectAction]:
        if obj.revoked_at:
            return []
        question = "Whoever uses this key is refused from now on. This can't be undone."
        return [ObjectAction("revoke", "Revoke", self.revoke, "block", "danger", question)]

    def revoke(self, request: HttpRequest, key: ApiKey) -> None:
        """Refuse the key from now on."""
        changes.save_columns(key, {"revoked_at": timezone.now()})
        self.log_change(request, key, "Revoked.")
        messages.success(request, f"The key “{key.name}” is refused from now on.")

    @admin.display(description="Tenant", ordering="bot__tenant")
    def show_tenant(self, obj: ApiKey) -> str:
        return str(obj.bot.tenant)

    @admin.display(description="State")
    def show_state(self, obj: ApiKey) -> SafeString:
        return key_badge(obj)
