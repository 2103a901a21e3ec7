"""Forms of the admin; those of apps and installations are made from what adapters declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils.html import format_html
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
)

from hitl_bridge import options
from hitl_bridge.callback_secrets import callback_secret_problem
from hitl_bridge.fields import KEEP, AddressField, PickerWidget, SecretField
from hitl_bridge.models import App, Bot, Installation
from hitl_bridge.models.bots import Connector
from hitl_bridge.options import Item, WrongValueError
from hitl_bridge.options.kinds import LONGEST_TIMEOUT, Address, Seconds
from providers.base import Provider
from providers.types import Field, Problem

OWNERS = ("tenant", "bot")
SETTING, CREDENTIAL, OPTION = "setting_", "credential_", "option_"


class OwnForm(forms.ModelForm):  # type: ignore[type-arg]
    """What all our forms check, and what they leave to their fields."""

    def _get_validation_exclusions(self) -> set[str]:
        """Our fields decide on addresses: the model's own check wants a dot in the host.

        An owner that can't be changed any more still counts: names are unique beside it.
        """
        addresses = {name for name, one in self.fields.items() if isinstance(one, AddressField)}
        excluded = set(super()._get_validation_exclusions()) | addresses  # type: ignore[misc]
        return excluded - {name for name in OWNERS if getattr(self.instance, f"{name}_id", None)}


class SecretsForm(OwnForm):
    """A form whose model has secrets in columns of their own."""

    secret_columns: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.secret_columns:
            field = self.fields.get(name)
            if isinstance(field, SecretField):
                field.note(getattr(self.instance, name))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        for name in self.secret_columns:
            if values.get(name, KEEP) is KEEP:
                values[name] = getattr(self.instance, name)
        return values


class BotForm(SecretsForm):
    """A bot; what its connector needs is asked for at the field where it belongs."""

    secret_columns = (
        "callback_secret", "previous_callback_secret", "botpress_webhook_url", "botpress_token",
    )  # fmt: skip
    callback_url = AddressField(help_text=Bot._meta.get_field("callback_url").help_text)
    callback_secret = SecretField(
        help_text="Signs the callbacks (Standard Webhooks): whsec_ and Base64. "
        "“New callback secret” above makes one."
    )
    previous_callback_secret = SecretField(
        help_text="Signs as well while the bot changes over to the new secret. Remove it then."
    )
    botpress_webhook_url = SecretField(
        label="Botpress webhook URL",
        help_text="https://webhook.botpress.cloud/… of the integration; itself a secret. Leave it "
        "empty until the integration is installed: an installation's page shows the steps.",
    )
    botpress_token = SecretField(
        help_text="Optional Botpress personal access token: finds closed tickets exactly."
    )

    class Meta:
        model = Bot
        fields = (
            "tenant", "slug", "name", "connector", "callback_url", "callback_secret",
            "previous_callback_secret", "botpress_webhook_url", "botpress_token",
            "botpress_bot_id", "enabled",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        for name in ("callback_secret", "previous_callback_secret"):
            problem = callback_secret_problem(values[name]) if values.get(name) else ""
            if problem:
                self.add_error(name, problem)
        # Botpress tells its webhook URL only once our address has been entered there.
        called_back = values.get("connector") == Connector.CALLBACK
        if called_back and "callback_url" not in self.errors and not values.get("callback_url"):
            self.add_error("callback_url", "This connector needs the address.")
        if values.get("botpress_token") and not values.get("botpress_bot_id"):
            self.add_error("botpress_bot_id", "Needed with the token.")
        return values


class DeclaredForm(OwnForm):
    """Settings and credentials as an adapter declares them; `declared_form` makes the class."""

    adapter: ClassVar[type[Provider]]
    declared_settings: ClassVar[tuple[Field, ...]] = ()
    declared_credentials: ClassVar[tuple[Field, ...]] = ()
    declared_options: ClassVar[tuple[Item, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for item in self.declared_settings:
            stored = self.instance.settings.get(item.name, "")
            self.initial.setdefault(SETTING + item.name, stored or item.default)
        for item in self.declared_credentials:
            stored = self.instance.credentials.get(item.name, "")
            field = self.fields.get(CREDENTIAL + item.name)
            if isinstance(field, SecretField):
                field.note(stored)
            else:
                self.initial.setdefault(CREDENTIAL + item.name, stored)

    def entered(self, prefix: str, declared: tuple[Field, ...], stored: Mapping[str, str]) -> Any:
        """What is stored with what was entered on top, without empty values."""
        values = dict(stored)
        for item in declared:
            value = self.cleaned_data.get(prefix + item.name, KEEP)
            if value is not KEEP:
                values[item.name] = value
        return {name: value for name, value in values.items() if value != ""}

    def new_settings(self) -> dict[str, str]:
        return dict(self.entered(SETTING, self.declared_settings, self.instance.settings))

    def new_credentials(self) -> dict[str, str]:
        return dict(self.entered(CREDENTIAL, self.declared_credentials, self.instance.credentials))

    def say(self, problem: Problem) -> None:
        """Show an adapter's problem at its field, on top where the form has none of that name."""
        for prefix in (SETTING, CREDENTIAL):
            if prefix + problem.field in self.fields:
                self.add_error(prefix + problem.field, problem.message)
                return
        self.add_error(None, problem.message)

    def save(self, commit: bool = True) -> Any:
        settings, credentials = self.new_settings(), self.new_credentials()
        self.instance.settings, self.instance.credentials = settings, credentials
        return super().save(commit=commit)


class AppForm(DeclaredForm):
    """Client credentials that installations share."""

    class Meta:
        model = App
        fields = ("tenant", "slug")


class InstallationForm(DeclaredForm):
    """One connection; what the adapter has to say stands at the field it is about."""

    api_base_url = AddressField(
        label="API base URL", help_text=Installation._meta.get_field("api_base_url").help_text
    )
    auth_base_url = AddressField(
        label="Accounts base URL", help_text="Likewise for the host where accounts live."
    )

    class Meta:
        model = Installation
        fields = ("slug", "app", "api_base_url", "auth_base_url")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = options.flat(self.instance.options)
        for item in self.declared_options:
            self.initial.setdefault(option_field(item), stored.get(item.name, ""))

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        app: App | None = values.get("app")
        problems = self.adapter.validate(
            {**(app.settings if app else {}), **self.new_settings()},
            {**(app.credentials if app else {}), **self.new_credentials()},
        )
        for problem in problems:
            self.say(problem)
        bot: Bot | None = values.get("bot") or (self.instance.bot if self.instance.bot_id else None)
        if app and bot and app.tenant_id != bot.tenant_id:
            self.add_error("app", "This app belongs to another tenant.")
        return values

    def save(self, commit: bool = True) -> Any:
        given = {item.name: self.cleaned_data[option_field(item)] for item in self.declared_options}
        self.instance.options = options.merged(self.instance.options, given)
        return super().save(commit=commit)


def option_field(item: Item) -> str:
    """The name of an option's field: no dots, which style sheets would take for classes."""
    return OPTION + item.name.replace(".", "_")


def declared_form(
    base: type[DeclaredForm],
    adapter: type[Provider],
    *,
    app_level: bool = False,
    offered: tuple[Item, ...] = (),
) -> type[DeclaredForm]:
    """`base` with a field for everything that the adapter declares (for apps: what they share),
    and for each option on offer."""
    settings, credentials = (
        tuple(item for item in declared if item.app_level or not app_level)
        for declared in (adapter.settings_fields, adapter.credential_fields)
    )
    fields: dict[str, Any] = {SETTING + item.name: form_field(item) for item in settings}
    fields |= {CREDENTIAL + item.name: form_field(item) for item in credentials}
    fields |= {option_field(item): OptionField(item) for item in offered}
    name = f"{adapter.__name__}{base.__name__}"
    return type(
        name,
        (base,),
        {
            **fields,
            "__module__": __name__,
            "adapter": adapter,
            "declared_settings": settings,
            "declared_credentials": credentials,
            "declared_options": offered,
        },
    )


class OptionField(forms.CharField):
    """An option of installations; cleans to what is stored, "" where it is left to the bridge."""

    def __init__(self, item: Item) -> None:
        self.item = item
        unset = f" Empty: {item.default}." if item.default else ""
        super().__init__(
            label=item.label,
            required=False,
            help_text=f"{item.help}{unset}",
            widget=_option_widget(item),
        )

    def prepare_value(self, value: Any) -> Any:
        """What was stored as a person would type it; what was just typed as it is."""
        return (
            value if value in ("", None) or isinstance(value, str) else self.item.kind.show(value)
        )

    def clean(self, value: Any) -> Any:
        try:
            return options.read(self.item, str(super().clean(value)))
        except WrongValueError as error:
            raise forms.ValidationError(str(error)) from None


def _option_widget(item: Item) -> forms.Widget:
    kind, shown = item.kind, {"placeholder": item.default}
    widget: forms.Widget = UnfoldAdminTextInputWidget(shown)
    if kind.choices:
        # An empty value of the option's own needs no other one beside it.
        unset = [] if kind.choices[0][0] == "" else [("", f"Not set: {item.default}")]
        widget = UnfoldAdminSelectWidget(choices=[*unset, *kind.choices])
    elif kind.several_lines:
        widget = UnfoldAdminTextareaWidget({**shown, "rows": 2})
    elif isinstance(kind, Seconds):
        widget = UnfoldAdminIntegerFieldWidget({"min": 0, "max": LONGEST_TIMEOUT})
    elif isinstance(kind, Address):
        widget = UnfoldAdminURLInputWidget(shown)
    return widget


def form_field(item: Field) -> forms.Field:
    """The form's field for a declared one. What is required, `Provider.validate` says."""
    common: dict[str, Any] = {
        "label": item.label,
        "required": False,
        "help_text": _help(item),
    }
    if item.secret:
        return SecretField(**common)
    if item.choices:
        choices = item.choices if item.default else (("", "---------"), *item.choices)
        return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget(), **common)
    widget = (
        # A field of several values takes them separated by commas.
        PickerWidget(several=item.name.startswith("allowed_"))
        if item.picker
        else UnfoldAdminTextInputWidget()
    )
    return forms.CharField(widget=widget, max_length=500, **common)


def _help(item: Field) -> str:
    required = " Required." if item.required else ""
    if not item.link:
        return format_html("{}{}", item.help, required)
    return format_html(
        '{}{} <a href="{}" target="_blank" rel="noopener" class="hb-link">Open that page</a>',
        item.help,
        required,
        item.link,
    )
