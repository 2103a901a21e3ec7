"""Ways from one page to another."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def page_of(model: str, pk: Any) -> str:
    """The address of an object's page."""
    return reverse(f"admin:conversations_{model}_change", args=[quote(pk)])


def link(model: str, pk: Any, text: str) -> SafeString:
    """A link to it; the text is escaped."""
    return format_html('<a class="hb-link" href="{}">{}</a>', page_of(model, pk), text)
