"""The admin's site: who gets in, for how long, and the page of the second login step."""

from __future__ import annotations

import time
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import mark_safe
from unfold import fields as unfold_fields
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite
from unfold.widgets import BASE_INPUT_CLASSES

from hitl_bridge import audit, second_step
from hitl_bridge.models import AuditAction

SINCE, SEEN, STEP = "bridge.since", "bridge.seen", "bridge.second_step"  # in the session
SEEN_EVERY = 60  # seconds: when somebody was seen is written at most this often
# What somebody may open who has yet to set up a second step that their role demands.
WITHOUT_STEP = {"second-step", "logout", "password_change", "password_change_done", "jsi18n"}
WRONG = "This code is wrong, or has been used. Wait for the next one."


class LoginForm(AuthenticationForm):
    """Name, password, and the code where an account has a second step."""

    code = forms.CharField(
        required=False,
        max_length=40,
        help_text="Only if you have set up a second login step.",
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "class": " ".join(BASE_INPUT_CLASSES)}
        ),
    )

    def confirm_login_allowed(self, user: Any) -> None:
        """After the password: the code. Raises ValidationError if one is due and wrong."""
        super().confirm_login_allowed(user)
        step = second_step.of(user)
        if step is None:
            return
        code = str(self.data.get("code", ""))[:40]
        if not code.strip():
            raise ValidationError(
                "Enter the code that your authenticator app shows, or a recovery code.",
                code="code_missing",
            )
        if not second_step.accept(self.request, step, code):
            raise ValidationError(WRONG, code="code_wrong")
        user.passed_second_step = step.pk


def began(request: HttpRequest | None, user: Any, **_: Any) -> None:
    """Note in a new login's session when it began and which second step it took."""
    if request is not None:
        request.session[SINCE] = request.session[SEEN] = int(time.time())
        request.session[STEP] = getattr(user, "passed_second_step", None)


user_logged_in.connect(began, dispatch_uid="hitl_bridge.site")


def plain_json(*_: Any) -> None:
    """In place of the theme's colours for JSON, which are styles in the page (with pygments)."""


unfold_fields.prettify_json = plain_json


class BridgeAdminSite(UnfoldAdminSite):
    """Unfold's site, stricter about logins and without styles in the page."""

    login_template = "hitl_bridge/admin/login.html"
    login_form = LoginForm

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether somebody who may log in did, not too long ago, by all steps they have set up."""
        if not super().has_permission(request):
            return False
        if not _is_fresh(request):
            logout(request)
            return False
        step = second_step.of(request.user)
        return step is None or request.session.get(STEP) == step.pk

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Every page but a few waits until a second step that is demanded has been set up."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            match = request.resolver_match
            if (
                match
                and match.url_name not in WITHOUT_STEP
                and second_step.is_missing(request.user)
            ):
                messages.warning(request, "Your role asks for a second login step: set it up here.")
                return redirect("admin:second-step")
            return view(request, *args, **kwargs)

        return super().admin_view(guarded, cacheable)

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Nothing of what was read stays in the browser (its settings of the theme do)."""
        response = super().logout(request, extra_context)
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    def get_urls(self) -> list[URLPattern]:
        page = path("second-step/", self.admin_view(self.second_step_view), name="second-step")
        urls: list[URLPattern] = super().get_urls()
        return [page, *urls]

    def _get_colors(self, key: str, *args: Any) -> dict[str, Any]:
        """None: the theme would write them into each page; they stand in theme.css."""
        del key, args
        return {}

    # --- the second step --------------------------------------------------------------------

    def second_step_view(self, request: HttpRequest) -> HttpResponse:
        """Set it up, make new recovery codes, remove it."""
        step = second_step.of(request.user)
        if request.method != "POST":
            if step is None:
                second_step.begin(request.user)
            return self._step_page(request)
        known = second_step.begun(request.user)
        if not second_step.is_password(request, request.POST.get("password", "")):
            return self._step_page(request, error="That is not your password.")
        if not second_step.accept(request, known, request.POST.get("code", "")[:40]):
            return self._step_page(request, error=WRONG)
        if step and "remove" in request.POST:
            step.delete()
            audit.record(request, AuditAction.CHANGED, step.user, did="second login step removed")
            messages.success(request, "You log in with your password alone from now on.")
            return redirect("admin:second-step")
        codes = second_step.confirm(known)
        audit.record(request, AuditAction.CHANGED, known.user, did="second login step set up")
        request.session[STEP] = known.pk
        return self._step_page(request, codes=codes)

    def _step_page(self, request: HttpRequest, **context: Any) -> HttpResponse:
        step = second_step.of(request.user)
        fresh = None if step else second_step.begun(request.user)
        whole = {
            **self.each_context(request),
            "title": "Second login step",
            "step": step,
            "left": len(step.recovery_hashes) if step else 0,
            "secret": fresh.secret if fresh else "",
            "qr_code": mark_safe(second_step.qr_code(fresh)) if fresh else "",  # noqa: S308
            "demanded": bool(settings.REQUIRE_SECOND_STEP),
            **context,
        }
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(
            request, "hitl_bridge/admin/second_step.html", whole, headers=headers
        )


def _is_fresh(request: HttpRequest) -> bool:
    """Whether the session is neither too old nor forgotten; notes that it is used."""
    now = int(time.time())
    since, seen = request.session.get(SINCE, 0), request.session.get(SEEN, 0)
    if now - since > settings.SESSION_SECONDS or now - seen > settings.SESSION_IDLE_SECONDS:
        return False
    # A page that is left open and refreshes itself is nobody at work.
    if now - seen > SEEN_EVERY and not audit.refreshes_itself(request):
        request.session[SEEN] = now
    return True
