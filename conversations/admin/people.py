from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import TabularInline

from conversations.models import User, UserKind, UserTag
from hitl_bridge.admin.base import ReadOnlyAdmin, badge


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

    @admin.display(description="Name", ordering="name")
    def show_name(self, obj: User) -> str:
        return str(obj)

    @admin.display(description="Who", ordering="kind")
    def show_kind(self, obj: User) -> SafeString:
        return badge(obj.get_kind_display(), "info" if obj.kind == UserKind.AGENT else "")
