from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from conversations.admin.transcript import safe_url
from conversations.flows.privacy import erasing, exporting, finding
from conversations.models import OPEN_STATUSES, User, UserKind, UserTag
from hitl_bridge.admin.base import ObjectAction, ReadOnlyAdmin, badge

PATIENCE = 5.0  # seconds that somebody waits for open tickets to be closed


def _linked(tickets: list[finding.RemoteTicket]) -> list[tuple[finding.RemoteTicket, str]]:
    """Each with an address that a browser may follow, or none."""
    return [(ticket, safe_url(ticket.url)) for ticket in tickets]


class UserTagInline(TabularInline):
    """The bot's own data about somebody."""

    model = UserTag
    fields = readonly_fields = ("name", "value")
    extra = 0
    can_delete = False
    hide_title = True
    ordering = ("name",)
    verbose_name_plural = "tags"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    """End users and agents, as the bots and the help desks named them."""

    tenant_path = "tenant"
    inlines = (UserTagInline,)
    list_display = ("show_name", "show_kind", "email", "phone", "bot", "external_id", "created_at")
    list_filter = ("kind", "tenant", "bot")
    list_select_related = ("bot", "tenant")
    search_fields = ("id", "external_id", "name", "email", "phone", "tags__value")
    search_help_text = "Name, e-mail, phone, an id, or a tag's value"
    fields = (
        "id", "kind", "name", "email", "phone", "picture_url", "external_id", "tenant", "bot",
        "installation", "created_at", "updated_at",
    )  # fmt: skip
    readonly_fields = fields

    # --- buttons ----------------------------------------------------------------------------

    def object_actions(self, request: HttpRequest, obj: User) -> list[ObjectAction]:
        return [
            ObjectAction("export", "Export all data", self.export, "download"),
            ObjectAction(
                "erase", "Erase this person", self.erase, "person_remove", "danger",
                opens_page=True,
            ),
        ]  # fmt: skip

    def export(self, request: HttpRequest, obj: User) -> HttpResponse:
        """All that is stored of the person, as a file."""
        text = json.dumps(exporting.export(obj, request), indent=2, ensure_ascii=False)
        headers = {
            "Content-Disposition": f'attachment; filename="{obj.pk}.json"',
            "Cache-Control": "no-store",
        }
        return HttpResponse(text, content_type="application/json", headers=headers)

    def erase(self, request: HttpRequest, obj: User) -> HttpResponse:
        """Ask, showing what there is; then do it, and say what stays elsewhere."""
        rows = finding.conversations_of(obj)
        if request.POST.get("erase") != "yes":
            return self.page(
                request, "conversations/admin/erase.html", f"Erase {obj}", obj,
                conversations=rows.count(),
                open=rows.filter(status__in=OPEN_STATUSES).count(),
                agent=obj.kind == UserKind.AGENT,
                tickets=_linked(finding.tickets_of(rows)),
            )  # fmt: skip
        try:
            done = erasing.erase(obj, request, patience=PATIENCE)
        except erasing.StillBusy as busy:
            messages.error(request, str(busy))
            return redirect(self.url_of(obj))
        return self.page(
            request, "conversations/admin/erased.html", "Erased", None,
            done=done, tickets=_linked(done.tickets),
        )  # fmt: skip

    # --- columns ----------------------------------------------------------------------------

    @admin.display(description="Name", ordering="name")
    def show_name(self, obj: User) -> str:
        return str(obj)

    @admin.display(description="Who", ordering="kind")
    def show_kind(self, obj: User) -> SafeString:
        return badge(obj.get_kind_display(), "info" if obj.kind == UserKind.AGENT else "")
