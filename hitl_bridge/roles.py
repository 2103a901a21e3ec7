"""Roles: what a person may do, and for which tenants.

Who has the permission `reach_every_tenant` (superusers, the group "Platform operators") has
Django's permissions everywhere. Everybody else has, for each tenant they are a member of, the
permissions of their role's group there, and nothing elsewhere: permissions given to them in other
ways don't count. The groups are made by `migrate`, which adds what is missing and takes nothing
away.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission
from django.db.models import Q

from hitl_bridge.models import Membership, Role

Person = Any  # of AUTH_USER_MODEL, or AnonymousUser

REACH = "hitl_bridge.reach_every_tenant"
PLATFORM = "Platform operators"
GROUPS = {Role.OPERATOR: "Tenant operators", Role.SUPPORT: "Tenant support"}

_READ = ("conversation", "user", "message", "event", "delivery", "attempt", "usertag")
SUPPORT_MAY = tuple(f"conversations.view_{model}" for model in _READ)
OPERATORS_MAY = (
    *SUPPORT_MAY,
    "conversations.change_conversation",  # end a session
    "conversations.change_delivery",  # retry or drop a dead letter
    "conversations.change_user",  # export or erase somebody's data
    "conversations.view_receipt",
    *(f"hitl_bridge.view_{model}" for model in ("tenant", "alert", "auditentry")),
    "hitl_bridge.change_tenant",  # its name, and who is told of trouble
    *(f"hitl_bridge.{verb}_bot" for verb in ("view", "add", "change")),
    *(f"hitl_bridge.{verb}_apikey" for verb in ("view", "add", "change")),
    *(
        f"hitl_bridge.{verb}_{model}"
        for model in ("app", "installation", "membership")
        for verb in ("view", "add", "change", "delete")
    ),
    *(f"auth.{verb}_user" for verb in ("view", "add", "change")),
)
# Platform operators may do all that these apps know.
PLATFORM_APPS = ("hitl_bridge", "conversations", "auth", "axes")


def reaches_all(person: Person) -> bool:
    """Whether tenants are no limit to this person."""
    return bool(person.is_active and person.has_perm(REACH))


def grants(person: Person) -> dict[int, frozenset[str]]:
    """By tenant's id, the permissions that memberships give; read once per request."""
    if not person.is_active or person.is_anonymous:
        return {}
    known: dict[int, frozenset[str]] | None = getattr(person, "bridge_grants", None)
    if known is None:
        roles = dict(Membership.objects.filter(user=person).values_list("tenant_id", "role"))
        held = _held_by(set(roles.values())) if roles else {}
        known = {tenant: held[role] for tenant, role in roles.items()}
        person.bridge_grants = known
    return known


def _held_by(roles: Iterable[str]) -> dict[str, frozenset[str]]:
    """By role, what its group may do."""
    groups = {GROUPS[Role(role)]: role for role in roles}
    held: dict[str, set[str]] = {role: set() for role in groups.values()}
    rows = Permission.objects.filter(group__name__in=groups)
    for group, app, name in rows.values_list("group__name", "content_type__app_label", "codename"):
        held[groups[group]].add(f"{app}.{name}")
    return {role: frozenset(names) - {REACH} for role, names in held.items()}


def tenants_with(person: Person, *permissions: str) -> frozenset[int] | None:
    """The ids of the tenants where the person has one of these permissions; None for all."""
    if reaches_all(person):
        return None if any(map(person.has_perm, permissions)) else frozenset()
    wanted = frozenset(permissions)
    return frozenset(tenant for tenant, held in grants(person).items() if held & wanted)


def may(person: Person, permission: str, tenants: Iterable[int] | None = None) -> bool:
    """Whether the person has the permission for all of these tenants; without any, for some."""
    where = tenants_with(person, permission)
    if where is None or tenants is None:
        return where is None or bool(where)
    wanted = frozenset(tenants)
    return bool(wanted) and wanted <= where


def names_of(person: Person) -> frozenset[str]:
    """The roles that the person has anywhere: platform, operator, support."""
    if reaches_all(person):
        return frozenset({"platform"})
    return frozenset(Membership.objects.filter(user=person).values_list("role", flat=True))


class MembershipBackend(BaseBackend):
    """Tells Django what memberships allow somewhere; admins ask `may` where exactly."""

    def get_all_permissions(
        self, user_obj: AbstractBaseUser | AnonymousUser, obj: Any = None
    ) -> set[str]:
        return set().union(*grants(user_obj).values()) if obj is None else set()

    def has_module_perms(self, user_obj: AbstractBaseUser | AnonymousUser, app_label: str) -> bool:
        """Django asks for it under this name before it lists an app."""
        held = self.get_all_permissions(user_obj)
        return any(permission.startswith(f"{app_label}.") for permission in held)


def make_groups(using: str) -> None:
    """Make the three groups, and give them what they lack."""
    for name, wanted in (
        (PLATFORM, Q(content_type__app_label__in=PLATFORM_APPS)),
        (GROUPS[Role.OPERATOR], _among(OPERATORS_MAY)),
        (GROUPS[Role.SUPPORT], _among(SUPPORT_MAY)),
    ):
        group, _ = Group.objects.using(using).get_or_create(name=name)
        lacking = Permission.objects.using(using).filter(wanted).exclude(group=group)
        group.permissions.add(*lacking)


def _among(permissions: Iterable[str]) -> Q:
    found = Q()
    for permission in permissions:
        app, _, codename = permission.partition(".")
        found |= Q(content_type__app_label=app, codename=codename)
    return found
