"""What all our admin pages have in common.

`TenantScopedAdmin.get_queryset` is the one place that decides which rows somebody may see: lists,
details, choices in forms, actions and history all start from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin


@dataclass(frozen=True, slots=True)
class ObjectAction:
    """A button on an object's page. It posts; `run` may answer with a page of its own."""

    name: str  # in the address
    label: str
    run: Callable[[HttpRequest, Any], HttpResponse | None]
    icon: str = ""
    style: str = ""  # "", primary or danger
    confirm: str = ""  # a question that is asked first
    prompt: str = ""  # a text that is asked for first, posted as `reason`
    opens_page: bool = False  # a link: the page behind it asks before it does anything


def badge(text: str, style: str) -> SafeString:
    """A coloured label; the theme's own shows on lists only. `style` is one of the theme's."""
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": style})


def two_lines(first: Any, second: Any) -> SafeString:
    """A cell with something smaller below; both are escaped."""
    return format_html('{}<br><span class="hb-faint">{}</span>', first, second)


def set_or_not(secrets: Mapping[str, str]) -> SafeString:
    """Which of the named secrets are there, for who may not change them."""
    rows = ((name, "set" if value else "not set") for name, value in secrets.items())
    return format_html_join(mark_safe("<br>"), "{}: {}", rows)


class TenantScopedAdmin(ModelAdmin):
    """An admin whose rows belong to a tenant, found by `tenant_path`."""

    tenant_path: ClassVar[str]  # the look-up from the model to its tenant; "" for Tenant itself
    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True
    change_form_outer_before_template = "hitl_bridge/admin/object_actions.html"

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The rows that the person may see. Memberships, once there are any, filter here."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return rows

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choices are the rows that the person may see."""
        model = db_field.related_model
        if self.admin_site.is_registered(model) and "queryset" not in kwargs:
            kwargs["queryset"] = self.admin_site.get_model_admin(model).get_queryset(request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_actions(self, request: HttpRequest) -> Any:
        """Without Django's bulk delete: conversations hang on these rows."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # --- buttons of one object --------------------------------------------------------------

    def object_actions(self, request: HttpRequest, obj: Any) -> Sequence[ObjectAction]:
        """What can be done with the object as it is now, by whoever may change it."""
        del request, obj
        return ()

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        view = self.admin_site.admin_view(self.act_view)
        urls: list[URLPattern] = super().get_urls()
        return [path("<path:object_id>/act/<slug:action>/", view, name=name), *urls]

    def act_view(self, request: HttpRequest, object_id: str, action: str) -> HttpResponse:
        """Carry out one of `object_actions`, by POST only."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not self.has_act_permission(request, obj):
            raise PermissionDenied
        back = redirect(self.url_of(obj))
        found = [one for one in self.object_actions(request, obj) if one.name == action]
        if not found:
            messages.warning(request, "This can't be done now: things have changed meanwhile.")
            return back
        if request.method != "POST" and not found[0].opens_page:
            return HttpResponseNotAllowed(["POST"])
        return found[0].run(request, obj) or back

    def has_act_permission(self, request: HttpRequest, obj: Any) -> bool:
        """Whether the buttons are for this person."""
        return bool(self.has_change_permission(request, obj))

    def url_of(self, obj: models.Model) -> str:
        """The object's page."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[quote(obj.pk)])

    def buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        """The object's actions as templates need them; none for who may only look."""
        if not self.has_act_permission(request, obj):
            return []
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_act"
        return [
            {"action": action, "url": reverse(name, args=[quote(obj.pk), action.name])}
            for action in self.object_actions(request, obj)
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        obj = kwargs.get("obj")
        if obj is not None and obj.pk:
            context["object_buttons"] = self.buttons(request, obj)
        return super().render_change_form(request, context, *args, **kwargs)

    def page(
        self, request: HttpRequest, template: str, title: str, obj: Any, **context: Any
    ) -> TemplateResponse:
        """A page of our own in the admin's frame; never kept by browsers."""
        whole = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": obj,
            "object_url": self.url_of(obj) if obj else "",
            **context,
        }
        return TemplateResponse(request, template, whole, headers={"Cache-Control": "no-store"})


class ReadOnlyAdmin(TenantScopedAdmin):
    """Rows that the bridge writes: people look at them."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class HistoryAdmin(SimpleHistoryAdmin):
    """The list of changes. Nothing reverts to one: secrets are not in it, they would be lost."""

    object_history_list_template = "hitl_bridge/admin/history_list.html"

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        # The package shows the history of rows that the queryset leaves out.
        if self.get_object(request, unquote(object_id)) is None:
            raise Http404
        response: HttpResponse = super().history_view(request, object_id, extra_context)
        return response

    def history_form_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        raise Http404

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True
