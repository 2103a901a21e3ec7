"""What only platform operators see: roles, and who was locked out. Django's admins in our theme."""

from __future__ import annotations

from typing import Any

from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from hitl_bridge import roles
from hitl_bridge.admin.base import AuditedAdmin

for _model in (Group, AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class PlatformAdmin(AuditedAdmin):
    """Rows that belong to no tenant: for who reaches every tenant, as Django's permissions say."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows if roles.reaches_all(request.user) else rows.none()

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        return found

    def has_module_permission(self, request: HttpRequest) -> bool:
        return roles.reaches_all(request.user) and super().has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return roles.reaches_all(request.user) and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return roles.reaches_all(request.user) and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return roles.reaches_all(request.user) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return roles.reaches_all(request.user) and super().has_delete_permission(request, obj)


@admin.register(Group)
class RoleAdmin(PlatformAdmin, GroupAdmin):
    pass


@admin.register(AccessAttempt)
class FailedLoginsAdmin(PlatformAdmin, AccessAttemptAdmin):
    pass


@admin.register(AccessLog)
class LoginsAdmin(PlatformAdmin, AccessLogAdmin):
    pass


@admin.register(AccessFailureLog)
class FailureLogAdmin(PlatformAdmin, AccessFailureLogAdmin):
    pass
