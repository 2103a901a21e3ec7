"""An installation's settings elsewhere: as a file for `apply`, and for another bot."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from hitl_bridge import connecting, provisioning
from hitl_bridge.admin.base import ObjectAction
from hitl_bridge.declarative.export import as_yaml
from hitl_bridge.models import Bot, Installation, InstallationStatus
from hitl_bridge.models.tenants import SLUG

COPIED = (
    "provider", "app", "settings", "credentials", "options", "api_base_url", "auth_base_url",
)  # fmt: skip


class DuplicateForm(forms.Form):
    """Whose the copy is, and what it is called."""

    bot: Any = forms.ModelChoiceField(
        queryset=None,
        widget=UnfoldAdminSelectWidget(),
        help_text="The bot that the copy is for.",
    )
    slug = forms.CharField(
        max_length=63,
        validators=[SLUG],
        label="Name in addresses",
        widget=UnfoldAdminTextInputWidget(),
        help_text="Lower-case letters, digits and hyphens; not used yet by the bot.",
    )

    def __init__(self, original: Installation, bots: Any, data: Any) -> None:
        super().__init__(data, initial={"slug": original.slug})
        field: Any = self.fields["bot"]
        field.queryset = bots

    def clean(self) -> dict[str, Any]:
        """The bot has no installation of that name. Adds an error to `slug` if it has."""
        found: dict[str, Any] = super().clean() or {}
        bot, slug = found.get("bot"), found.get("slug")
        if bot and slug and Installation.objects.filter(bot=bot, slug=slug).exists():
            self.add_error("slug", f"{bot} has an installation of this name: choose another one.")
        return found


class CopyingAdmin:
    """Two more buttons for an installation's page; mixed into its admin."""

    def copy_actions(self) -> list[ObjectAction]:
        """See above."""
        return [
            ObjectAction("export", "Export as YAML", self.export, "download", opens_page=True),
            ObjectAction("duplicate", "Duplicate", self.duplicate, "content_copy", opens_page=True),
        ]

    def export(self: Any, request: HttpRequest, obj: Installation) -> HttpResponse:
        """As a file to download. It names secrets and holds none."""
        name = f"{obj.bot.slug}-{obj.slug}.yaml"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        }
        return HttpResponse(as_yaml(obj), content_type="application/yaml", headers=headers)

    def duplicate(self: Any, request: HttpRequest, obj: Installation) -> HttpResponse:
        """Ask for whom; the copy has the settings and credentials, and a login of its own."""
        bots = self.choices(request, Bot, "add").filter(tenant=obj.bot.tenant_id)
        form = DuplicateForm(obj, bots, request.POST or None)
        if request.method == "POST" and form.is_valid():
            columns = {name: getattr(obj, name) for name in COPIED}
            copy = Installation(
                bot=form.cleaned_data["bot"],
                slug=form.cleaned_data["slug"],
                status=InstallationStatus.NEW,
                provision_at=provisioning.lease(),
                **columns,
            )
            copy.save()
            self.log_addition(request, copy, f"Duplicated {obj}.")
            messages.success(request, f"This is the copy of {obj}, with a login of its own.")
            connecting.connect_now(request, copy)
            return redirect(self.url_of(copy))
        page: HttpResponse = self.page(
            request, "hitl_bridge/admin/ask.html", f"Duplicate {obj}", obj,
            form=form, button="Duplicate",
        )  # fmt: skip
        return page
