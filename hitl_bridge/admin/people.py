"""The people who log in here, and what they are for which tenant."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from hitl_bridge import roles
from hitl_bridge.admin.base import HistoryAdmin, ObjectAction, TenantScopedAdmin
from hitl_bridge.models import Membership, Role, Tenant

if admin.site.is_registered(User):
    admin.site.unregister(User)


class NewPersonForm(UserCreationForm):
    """An account, and whose it is; `tenants` are those on offer."""

    tenants: QuerySet[Tenant]
    tenant_required: bool

    tenant = forms.ModelChoiceField(
        Tenant.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="Whose conversations this person may see. More tenants can be added afterwards, "
        "under Memberships.",
    )
    role = forms.ChoiceField(
        choices=Role.choices,
        initial=Role.SUPPORT,
        widget=UnfoldAdminSelectWidget(),
        help_text=Membership._meta.get_field("role").help_text,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tenant"].queryset = self.tenants
        self.fields["tenant"].required = self.tenant_required


@admin.register(User)
class PersonAdmin(UserAdmin, TenantScopedAdmin):  # type: ignore[type-arg,misc]
    """Operators of a tenant look after accounts that are in no other tenant's hands."""

    tenant_path = "memberships__tenant"
    form = UserChangeForm
    add_form = NewPersonForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "show_roles", "is_active", "last_login")
    list_filter = ("memberships__tenant", "is_active")
    filter_horizontal = ()  # the theme's is wider than the page
    readonly_fields = ("last_login", "date_joined", "show_roles")
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    "username", "usable_password", "password1", "password2", "tenant", "role",
                ),
            },
        ),
    )  # fmt: skip

    # --- whose ------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """The people of one's tenants, with those roles of theirs that one may know of."""
        known = self.tenants(request, "view", "change")
        memberships = Membership.objects.select_related("tenant")
        if known is not None:
            memberships = memberships.filter(tenant__in=known)
        shown = Prefetch("memberships", queryset=memberships, to_attr="shown_memberships")
        rows: QuerySet[User] = super().get_queryset(request).prefetch_related(shown)
        return rows

    def only(self, rows: QuerySet[Any], tenants: Any) -> QuerySet[Any]:
        if tenants is None:
            return rows
        return rows.filter(pk__in=Membership.objects.filter(tenant__in=tenants).values("user"))

    def tenant_ids(self, obj: User) -> list[int]:
        return list(obj.memberships.values_list("tenant_id", flat=True))

    def may(self, request: HttpRequest, verb: str, obj: Any = None) -> bool:
        """To an account, what one may do in all of its tenants, and never to one that can more."""
        if obj is not None and obj.pk and verb != "view" and not request.user.is_superuser:
            stronger = not roles.reaches_all(request.user) and roles.reaches_all(obj)
            if obj.is_superuser or stronger:
                return False
        return super().may(request, verb, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None or not obj.pk:
            return super().has_view_permission(request)
        return self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """For platform operators; a tenant's operator ends the membership instead."""
        return roles.reaches_all(request.user) and super().has_delete_permission(request, obj)

    # --- form -------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only superusers make superusers, and only the platform's people decide on groups.

        Permissions come with groups and memberships: single ones would count for nobody else.
        """
        if obj is None:
            return self.add_fieldsets
        access = ["is_active"]
        if roles.reaches_all(request.user):
            access += ["is_staff", "groups"]
        if request.user.is_superuser:
            access += ["is_superuser"]
        return (
            (None, {"fields": ("username", "password")}),
            ("Who it is", {"fields": ("first_name", "last_name", "email")}),
            ("Access", {"fields": (*access, "show_roles")}),
            ("Dates", {"fields": ("last_login", "date_joined")}),
        )

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None:
            offered = {
                "tenants": self.choices(request, Tenant, "add"),
                "tenant_required": not roles.reaches_all(request.user),
            }
            kwargs.setdefault("form", type("NewPersonForm", (NewPersonForm,), offered))
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Accounts are there to log in here, which is what Django calls staff."""
        obj.is_staff = obj.is_staff or not change
        super().save_model(request, obj, form, change)
        if not change and form.cleaned_data.get("tenant"):
            data = form.cleaned_data
            Membership.objects.create(user=obj, tenant=data["tenant"], role=data["role"])

    # --- buttons and columns ----------------------------------------------------------------

    def object_actions(self, request: HttpRequest, obj: User) -> list[ObjectAction]:
        """One's own second step goes by its own page, which asks for a code."""
        if obj == request.user or not hasattr(obj, "second_step"):
            return []
        question = "They log in with the password alone until they set it up again. Go on?"
        return [
            ObjectAction(
                "forget-second-step", "Remove second login step", self.forget_second_step,
                "phonelink_erase", "danger", question,
            )
        ]  # fmt: skip

    def forget_second_step(self, request: HttpRequest, obj: User) -> None:
        """The phone is lost, and so are the recovery codes."""
        obj.second_step.delete()  # there is one, or no button
        self.log_change(request, obj, "Removed the second login step.")
        messages.success(request, f"{obj} logs in with the password alone from now on.")

    @admin.display(description="Roles")
    def show_roles(self, obj: Any) -> SafeString:
        roles_ = [
            (membership.tenant, membership.get_role_display().lower())
            for membership in getattr(obj, "shown_memberships", ())
        ]
        return format_html_join(mark_safe("<br>"), "{}: {}", roles_) or mark_safe("-")


@admin.register(Membership)
class MembershipAdmin(HistoryAdmin, TenantScopedAdmin):
    tenant_path = "tenant"
    fields = ("user", "tenant", "role", "created_at")
    readonly_fields = ("created_at",)
    list_display = ("user", "tenant", "role", "created_at")
    list_display_links = ("user",)
    list_select_related = ("user", "tenant")
    list_filter = ("tenant", "role")
    search_fields = ("user__username", "user__email", "tenant__slug", "tenant__name")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only the role changes; another person or tenant is another membership."""
        return ("user", "tenant", *self.readonly_fields) if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """A member may log in."""
        super().save_model(request, obj, form, change)
        User.objects.filter(pk=obj.user_id, is_staff=False).update(is_staff=True)
