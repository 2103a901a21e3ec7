"""Cookies and headers of what browsers get; and that none of our pages has a script in it."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import pytest
import unfold
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django.fixtures import Settings

from config import csp
from tests.security.test_isolation import OF_NO_TENANT
from tests.security.world import Side

INLINE = {
    "a script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>", re.IGNORECASE),
    "a style": re.compile(r"<style|\sstyle=", re.IGNORECASE),
    "a handler": re.compile(r"<[^>]*\son[a-z]+=", re.IGNORECASE),
    "a script's address": re.compile(r"""=["']?\s*javascript:(?!void)""", re.IGNORECASE),
}


def test_the_session_is_for_this_host_and_https_alone(settings: Settings) -> None:
    for kind in ("SESSION", "CSRF"):
        assert getattr(settings, f"{kind}_COOKIE_NAME").startswith("__Host-")
        assert getattr(settings, f"{kind}_COOKIE_SECURE")
        assert getattr(settings, f"{kind}_COOKIE_HTTPONLY")
        assert getattr(settings, f"{kind}_COOKIE_SAMESITE") == "Lax"
        assert getattr(settings, f"{kind}_COOKIE_DOMAIN") is None
        assert getattr(settings, f"{kind}_COOKIE_PATH") == "/"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/admin/login/", "/api/docs/", "/api/v1/users/x", "/webhooks/x/y"]
)
def test_every_answer_is_hardened(path: str) -> None:
    headers = Client().get(path, secure=True).headers
    assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "camera=()" in headers["Permissions-Policy"]
    if path != "/api/docs/":  # its package opens a login's window of its own
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_nothing_but_the_admin_may_evaluate() -> None:
    for path, evaluates in (("/admin/x/", True), ("/api/docs/", False), ("/x", False)):
        policy = csp.policy(RequestFactory().get(path))
        assert ("'unsafe-eval'" in policy) == evaluates


@pytest.mark.parametrize("source", ["https://x; script-src *", "data:", "'unsafe-inline'", "*"])
def test_an_address_can_not_end_the_directive(source: str) -> None:
    request = RequestFactory().get("/admin/x/")
    request.csp_form_action = [source, "https:"]  # type: ignore[attr-defined]
    assert "form-action 'self' https:; " in csp.policy(request)


def test_the_style_that_is_allowed_is_the_themes() -> None:
    template = Path(unfold.__file__).parent / "templates/admin/change_list.html"
    (style,) = re.findall(r"<style>(.*?)</style>", template.read_text(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" == csp.LIST_STYLE


@pytest.mark.django_db
def test_no_page_has_a_script_or_a_style_in_it(own: Side) -> None:
    browser = own.client("operator")
    paths = [
        "/api/docs/",
        *(reverse(name) for name in sorted(OF_NO_TENANT - {"admin:logout", "admin:app_list"})),
        "/admin/hitl_bridge/installation/add/?provider=intercom",
    ]
    for model in admin.site._registry:
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        paths += [reverse(f"{base}_{page}") for page in ("changelist", "add")]
        if row := own.rows.get(model._meta.label):
            paths += [reverse(f"{base}_{page}", args=[row.pk]) for page in ("change", "history")]
    found = []
    for path in paths:
        answer = browser.get(path)
        if "html" not in answer.get("Content-Type", ""):
            continue
        html = answer.content.decode()
        allowed = re.sub(r"<style>\s*#changelist table[^<]*</style>", "", html)
        found += [(path, what) for what, pattern in INLINE.items() if pattern.search(allowed)]
    assert not found


@pytest.mark.django_db
def test_the_connect_button_may_lead_to_the_vendor(own: Side) -> None:
    """And no other page's forms lead anywhere but here."""
    type(own.desk).objects.filter(pk=own.desk.pk).update(provider="hubspot")
    browser = own.client("operator")
    desk = browser.get(reverse("admin:hitl_bridge_installation_change", args=[own.desk.pk]))
    assert "form-action 'self' https:;" in desk["Content-Security-Policy"]
    bot = browser.get(reverse("admin:hitl_bridge_bot_change", args=[own.bot.pk]))
    assert "form-action 'self';" in bot["Content-Security-Policy"]


@pytest.mark.django_db
def test_a_logout_clears_what_the_browser_keeps(admin_client: Client) -> None:
    page = admin_client.get("/admin/", secure=True)
    assert "no-store" in page.headers["Cache-Control"]
    answer = admin_client.post("/admin/logout/", secure=True)
    assert answer.headers["Clear-Site-Data"] == '"cache"'


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/admin/login/", "/api/v1/events", "/api/docs/", "/webhooks/intercom/x", "/readyz"]
)
def test_nothing_echoes_a_request(path: str) -> None:
    answer = Client().trace(path, headers={"Authorization": "Bearer sesame"}, secure=True)
    assert b"sesame" not in answer.content
    assert answer.status_code in {401, 403, 404, 405}
