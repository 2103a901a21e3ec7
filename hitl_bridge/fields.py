"""Form fields of the admin: secrets that are written and never shown, pickers, web addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.safestring import SafeString, mark_safe
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
)

from hitl_bridge.changes import address_problem

KEEP = None  # what an empty secret input means


def _in_zone(text: str) -> str:
    return f"{text} Times are {timezone.get_current_timezone_name()}."


in_zone = lazy(_in_zone, str)  # a help text that says in which zone times are read


class SecretWidget(UnfoldAdminPasswordWidget):
    """An input that starts empty, with a word on whether a value is stored and a way to remove it.

    Its value is the new text, "" to remove what is stored, or KEEP.
    """

    is_set = False

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        del value  # never leaves the server
        box = super().render(
            name, None, {**(attrs or {}), "autocomplete": "new-password"}, renderer
        )
        context = {"input": box, "name": name, "is_set": self.is_set, "id": (attrs or {}).get("id")}
        return mark_safe(render_to_string("hitl_bridge/widgets/secret.html", context))  # noqa: S308

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str | None:
        if data.get(f"{name}-clear"):
            return ""
        return str(data.get(name) or "").strip() or KEEP

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return False

    def id_for_label(self, id_: str) -> str:
        return id_


class SecretField(forms.Field):
    """A secret; cleans to the new text, "" or KEEP."""

    widget = SecretWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, **kwargs})

    def has_changed(self, initial: Any, data: Any) -> bool:
        return data is not KEEP

    def note(self, stored: str) -> None:
        """Tell the widget whether there is a value; it does not learn which."""
        self.widget.is_set = bool(stored)


class PickerWidget(UnfoldAdminTextInputWidget):
    """A text input that can be filled from a list of the help desk's; without scripts it is text.

    `options_url` is where the list comes from; empty while there is no connection to ask.
    """

    options_url = ""

    def __init__(self, *, several: bool) -> None:
        super().__init__()
        self.several = several

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        box = super().render(name, value, attrs, renderer)
        context = {"input": box, "url": self.options_url, "several": self.several}
        return mark_safe(render_to_string("hitl_bridge/widgets/picker.html", context))  # noqa: S308


class AddressField(forms.CharField):
    """A web address; hosts without a dot are fine, as they are in private networks."""

    widget = UnfoldAdminURLInputWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "max_length": 500, **kwargs})

    def clean(self, value: Any) -> str:
        address = str(super().clean(value))
        problem = address_problem(address) if address else ""
        if problem:
            raise forms.ValidationError(problem)
        return address
