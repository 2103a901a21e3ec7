"""What each role may do within its own tenant; across tenants: test_isolation."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from hitl_bridge.models import Membership
from tests.security.test_isolation import addresses_of
from tests.security.world import Side, changed, fingerprint

pytestmark = pytest.mark.django_db


def test_support_staff_change_nothing(own: Side, django_user_model: Any) -> None:
    browser = own.client("support")
    superuser = django_user_model.objects.create_superuser("root")
    rows = [row for row in own.rows.values() if type(row) in admin.site._registry]
    addresses = [one for row in rows for one in addresses_of(row, superuser)]
    assert len(addresses) > 70
    before = fingerprint()
    said = {"post": "yes", "reason": "because", "erase": "yes", "name": "x", "role": "operator"}
    answers = {browser.post(address, said).status_code for address in addresses}
    assert answers <= {200, 302, 403, 404}
    assert set(changed(before, fingerprint())) <= {"hitl_bridge.AuditEntry"}  # that they read


def tenant_form(**fields: Any) -> dict[str, Any]:
    return {"slug": "stolen", "name": "Own", "content_days": 30, "receipt_days": 14, **fields}


def test_a_tenants_operator_decides_who_is_told_of_trouble(own: Side) -> None:
    page = reverse("admin:hitl_bridge_tenant_change", args=[own.tenant.pk])
    told = {"alert_emails": "ops@example.com", "alert_webhook_url": "https://ops.example.com/"}
    answer = own.client("operator").post(page, tenant_form(**told))
    assert answer.status_code == 302
    own.tenant.refresh_from_db()
    assert {name: getattr(own.tenant, name) for name in told} == told
    assert own.tenant.content_days == 30
    assert own.tenant.slug == "ownlings"  # declared files go by it: the platform's to change


def test_a_membership_that_ends_ends_at_once(own: Side) -> None:
    browser = own.client("operator")
    page = reverse("admin:hitl_bridge_bot_change", args=[own.bot.pk])
    assert browser.get(page).status_code == 200
    Membership.objects.filter(user=own.people["operator"]).delete()
    assert browser.get(page).status_code in {403, 404}


def test_an_account_that_is_switched_off_is_logged_out(own: Side) -> None:
    browser = own.client("operator")
    person = own.people["operator"]
    type(person).objects.filter(pk=person.pk).update(is_active=False)
    assert browser.get("/admin/").status_code == 302
