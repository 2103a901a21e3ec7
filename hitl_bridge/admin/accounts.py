"""The people who may log in here, and who was locked out: their usual admins in our theme."""

from __future__ import annotations

from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

for _model in (User, Group, AccessAttempt, AccessLog, AccessFailureLog):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(User)
class PersonAdmin(UserAdmin, ModelAdmin):  # type: ignore[type-arg]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class RoleAdmin(GroupAdmin, ModelAdmin):
    pass


@admin.register(AccessAttempt)
class FailedLoginsAdmin(AccessAttemptAdmin, ModelAdmin):
    pass


@admin.register(AccessLog)
class LoginsAdmin(AccessLogAdmin, ModelAdmin):
    pass


@admin.register(AccessFailureLog)
class FailureLogAdmin(AccessFailureLogAdmin, ModelAdmin):
    pass
