"""What all our admin pages have in common.

`TenantScopedAdmin` is the one place that decides which rows somebody may see, and what they may do
with each: lists, details, choices in forms, filters, actions and history all start from it. What
somebody may not see does not exist for them: 404.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.utils import get_fields_from_path, quote, unquote
from django.contrib.auth import get_permission_codename
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

from hitl_bridge import audit, roles
from hitl_bridge.models import AuditAction


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


class ScopedFilter(RelatedFieldListFilter):
    """A filter by something else: it offers what belongs to the tenants of the list."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[Any, Any]]:
        rows = model_admin.choices(request, field.remote_field.model, "view", "change")
        return [(row.pk, str(row)) for row in rows]


class AuditedAdmin(ModelAdmin):
    """What Django's own log is told stands in the audit log as well, with what changed."""

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        request.audit_changes = audit.differences(form)  # type: ignore[attr-defined]  # for the log
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._audit(request, obj, message, "added")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._audit(request, obj, message, "")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._audit(request, obj, "", "deleted")
        return super().log_deletions(request, queryset)

    def _audit(self, request: HttpRequest, obj: Any, message: Any, did: str) -> None:
        """A message in words is a button's; a list is Django's own of a form."""
        changed = getattr(request, "audit_changes", None) if isinstance(message, list) else None
        did = did or (message if isinstance(message, str) else "changed")
        details = {"changes": changed} if changed else {}
        audit.record(request, AuditAction.CHANGED, obj, did=did, **details)


class TenantScopedAdmin(AuditedAdmin):
    """An admin whose rows belong to a tenant, found by `tenant_path`."""

    # The look-up from the model to its tenant, "" for Tenant itself; several where any may lead.
    tenant_path: ClassVar[str | tuple[str, ...]]
    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True
    change_form_outer_before_template = "hitl_bridge/admin/object_actions.html"

    # --- whose rows -------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The rows that the person may see."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        return self.only(rows, self.tenants(request, "view", "change"))

    def tenants(self, request: HttpRequest, *verbs: str) -> frozenset[int] | None:
        """The ids of the tenants where the person may do one of these; None for all."""
        return roles.tenants_with(request.user, *map(self.permission, verbs))

    def permission(self, verb: str) -> str:
        """Django's name of the permission to view, add, change or delete such rows."""
        return f"{self.opts.app_label}.{get_permission_codename(verb, self.opts)}"

    def only(
        self, rows: models.QuerySet[Any], tenants: Iterable[int] | None
    ) -> models.QuerySet[Any]:
        """Those of the rows that belong to these tenants."""
        if tenants is None:
            return rows
        found = models.Q(pk__in=[])
        for route in self.tenant_paths():
            found |= models.Q(**{f"{route or 'pk'}__in": list(tenants)})
        return rows.filter(found)

    @classmethod
    def tenant_paths(cls) -> tuple[str, ...]:
        """`tenant_path` as a tuple."""
        return (cls.tenant_path,) if isinstance(cls.tenant_path, str) else cls.tenant_path

    def tenant_ids(self, obj: Any) -> list[int]:
        """Whose the object is; empty if it is nobody's."""
        found = (_tenant_id(obj, route) for route in self.tenant_paths())
        return [one for one in found if one is not None]

    def choices(self, request: HttpRequest, model: type[models.Model], *verbs: str) -> Any:
        """The rows of `model` in the tenants where the person may do one of these to our rows."""
        other: Any = self.admin_site.get_model_admin(model)
        if isinstance(other, TenantScopedAdmin):
            return other.only(model._default_manager.all(), self.tenants(request, *verbs))
        return other.get_queryset(request)

    # --- who may what -----------------------------------------------------------------------

    def may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        """Whether the person may do it to the object; without one, to any."""
        whose = self.tenant_ids(obj) if obj is not None and obj.pk else None
        return roles.may(request.user, self.permission(verb), whose)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view", obj) or self.may(request, "change", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete", obj)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The row. Raises Http404 where Django would say 403, or repeat the id in a message."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        return found

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choices are rows of the tenants where the person may add or change such objects."""
        if "queryset" not in kwargs:
            kwargs["queryset"] = self.choices(request, db_field.related_model, "add", "change")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [self._scoped(one) for one in super().get_list_filter(request)]

    def _scoped(self, one: Any) -> Any:
        related = isinstance(one, str) and get_fields_from_path(self.model, one)[-1].is_relation
        return (one, ScopedFilter) if related else one

    def response_action(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> Any:
        """An action touches only what the person may change, or look at if it changes nothing."""
        action = self.get_actions(request).get(request.POST.get("action", ""))
        needed = getattr(action[0], "allowed_permissions", ()) if action else ()
        if set(needed) != {"view"}:
            queryset = self.only(queryset, self.tenants(request, "change"))
        return super().response_action(request, queryset)

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
        return self.may(request, "change", obj)

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


def _tenant_id(obj: Any, route: str) -> int | None:
    """The tenant's id at the end of a look-up; the last step costs no query."""
    *steps, last = route.split("__")
    for step in steps:
        obj = getattr(obj, step, None)
    found: int | None = getattr(obj, f"{last}_id" if last else "pk", None)
    return found


class HistoryAdmin(SimpleHistoryAdmin):
    """The list of changes. Nothing reverts to one: secrets are not in it, they would be lost."""

    object_history_list_template = "hitl_bridge/admin/history_list.html"

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        # The package shows the history of rows that the queryset leaves out.
        self.get_object(request, unquote(object_id))
        response: HttpResponse = super().history_view(request, object_id, extra_context)
        return response

    def history_form_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        raise Http404

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True
