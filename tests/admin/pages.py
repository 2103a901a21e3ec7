"""Addresses of the admin's pages, and what a response says."""

from typing import Any

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from hitl_bridge.fields import SecretField


def name(model: type[Model] | Model, page: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def list_of(model: type[Model]) -> str:
    return reverse(name(model, "changelist"))


def page_of(row: Model) -> str:
    return reverse(name(row, "change"), args=[quote(row.pk)])


def act(client: Client, row: Model, action: str, **data: Any) -> Any:
    """Press one of the buttons on a row's page."""
    return client.post(reverse(name(row, "act"), args=[quote(row.pk), action]), data)


def said(response: Any) -> list[str]:
    """The messages that the next page will show."""
    return [str(message) for message in response.wsgi_request._messages]


def form_of(client: Client, url: str) -> dict[str, Any]:
    """What the page's form posts if nothing was changed: secrets start out empty."""
    form = client.get(url).context["adminform"].form
    values = {}
    for bound in form:
        value = bound.value()
        kept = isinstance(bound.field, SecretField)
        if value is not None and not kept and not isinstance(value, list | dict):
            values[bound.html_name] = value
    return values
