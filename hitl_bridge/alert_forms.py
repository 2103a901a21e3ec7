"""The form of a tenant, with where it wants to be told of trouble."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from hitl_bridge.alert_settings import emails_problem
from hitl_bridge.callback_secrets import callback_secret_problem
from hitl_bridge.fields import AddressField, SecretField
from hitl_bridge.forms import SecretsForm
from hitl_bridge.models import Tenant


class TenantForm(SecretsForm):
    """A tenant."""

    secret_columns = ("alert_webhook_secret",)
    alert_emails = forms.CharField(
        label="E-mail addresses",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Separated by commas.",
    )
    alert_webhook_url = AddressField(
        label="Webhook address", help_text="Alerts are posted there as JSON (docs/operations.md)."
    )
    alert_webhook_secret = SecretField(
        label="Webhook secret",
        help_text="Signs these posts (Standard Webhooks): whsec_ and Base64.",
    )

    class Meta:
        model = Tenant
        fields = (
            "slug", "name", "content_days", "receipt_days",
            "alert_emails", "alert_webhook_url", "alert_webhook_secret",
        )  # fmt: skip

    def clean_alert_emails(self) -> str:
        addresses = [one.strip() for one in self.cleaned_data["alert_emails"].split(",")]
        given = [one for one in addresses if one]
        problem = emails_problem(given)
        if problem:
            raise forms.ValidationError(problem)
        return ", ".join(given)

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        secret = values.get("alert_webhook_secret")
        problem = callback_secret_problem(secret) if secret else ""
        if problem:
            self.add_error("alert_webhook_secret", problem)
        return values
