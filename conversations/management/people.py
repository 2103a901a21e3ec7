"""What the commands about a person share."""

from __future__ import annotations

import getpass

from django.core.management.base import CommandError

from conversations.flows.privacy import finding
from conversations.models import User
from hitl_bridge.models import Tenant


def chosen(slug: str, who: str) -> list[User]:
    """The users meant. Raises CommandError where there are none."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        known = ", ".join(Tenant.objects.values_list("slug", flat=True)[:20])
        raise CommandError(f"--tenant: there is no {slug}. There are: {known or 'none'}.")
    people = finding.people(tenant, who) if who.strip() else []
    if not people:
        raise CommandError(
            f"{slug} has no user of this id, e-mail address or external id (who has been erased "
            "is not there any more)."
        )
    return people


def by_whom(command: str) -> str:
    """For the audit log: the command, and whose shell it ran in."""
    try:
        return f"manage.py {command} ({getpass.getuser()})"
    except (KeyError, OSError):  # a container's user has no name
        return f"manage.py {command}"
