"""Connecting an installation by the authorization-code flow.

The state is signed, dies after ten minutes, works once, and only in the login that began:
what it stands for (nonce, PKCE verifier) waits in that login's session.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect

import providers
from hitl_bridge import audit, connect, connecting, tokens
from hitl_bridge.models import AuditAction, Installation
from providers.errors import ProviderError

log = structlog.get_logger(__name__)

SALT = "hitl_bridge.oauth"
SESSION_KEY = "hitl_bridge.oauth"
MAX_AGE = 600  # seconds for the person to log in at the vendor and agree
REMEMBERED = 5  # flows begun in one login; an older one has been given up
AGAIN = " Open the installation and press Connect again."


class Refused(Exception):
    """The flow can't be finished; the text is for the operator."""


def begin(request: HttpRequest, installation: Installation) -> HttpResponseRedirect:
    """Send the operator to the vendor. Raises Misconfigured if the adapter can't start."""
    start = connect.provider_for(installation).oauth_start()
    nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(64)
    begun = dict(request.session.get(SESSION_KEY, {}))
    for old in list(begun)[: max(0, len(begun) + 1 - REMEMBERED)]:
        del begun[old]
    begun[nonce] = {"installation": installation.pk, "verifier": verifier if start.pkce else ""}
    request.session[SESSION_KEY] = begun
    params = {
        "response_type": "code",
        **start.params,
        "redirect_uri": redirect_uri(installation.provider),
        "state": signing.dumps([nonce, installation.pk, request.user.pk], salt=SALT),
    }
    if start.pkce:
        params |= {"code_challenge": _challenge(verifier), "code_challenge_method": "S256"}
    joiner = "&" if urlsplit(start.url).query else "?"
    return HttpResponseRedirect(f"{start.url}{joiner}{urlencode(params)}")


def redirect_uri(provider: str) -> str:
    """The address that is registered with the vendor."""
    return f"{settings.PUBLIC_URL}/oauth/{provider}/callback"


def callback(request: HttpRequest, provider: str) -> HttpResponse:
    """The vendor sends the operator back here."""
    if not admin.site.has_permission(request):
        messages.error(request, f"Log in first.{AGAIN}")
        return redirect("admin:login")
    try:
        installation, verifier = _flow(request, provider)
    except Refused as refused:
        messages.error(request, str(refused))
        return redirect("admin:hitl_bridge_installation_changelist")
    try:
        _finish(request, installation, verifier)
    except Refused as refused:
        messages.error(request, str(refused))
    except ProviderError as error:
        log.warning("oauth_failed", provider=provider, error=type(error).__name__, code=error.code)
        messages.error(request, f"{_label(provider)} could not be connected: {error.detail}")
    return redirect("admin:hitl_bridge_installation_change", quote(installation.pk))


def _flow(request: HttpRequest, provider: str) -> tuple[Installation, str]:
    """The installation and the PKCE verifier that the state stands for; uses the state up."""
    try:
        nonce, pk, person = signing.loads(request.GET.get("state", ""), salt=SALT, max_age=MAX_AGE)
    except signing.SignatureExpired:
        raise Refused(f"That took more than ten minutes.{AGAIN}") from None
    except (signing.BadSignature, ValueError):
        raise Refused(f"The answer does not belong to a connection begun here.{AGAIN}") from None
    begun = dict(request.session.get(SESSION_KEY, {}))
    flow = begun.pop(nonce, None)
    request.session[SESSION_KEY] = begun
    if flow is None or flow["installation"] != pk or person != request.user.pk:
        raise Refused(f"This answer has been used already, or began in another login.{AGAIN}")
    model_admin: Any = admin.site.get_model_admin(Installation)
    installation = model_admin.get_queryset(request).filter(pk=pk).first()
    if installation is None or installation.provider != provider:
        raise Refused("There is no such installation any more.")
    if not model_admin.has_change_permission(request, installation):
        raise Refused("You may look at this installation, but not connect it.")
    return installation, flow["verifier"]


def _finish(request: HttpRequest, installation: Installation, verifier: str) -> None:
    """Exchange the code, store the tokens, see whose account it is, provision what can be."""
    params = request.GET.dict()
    label = _label(installation.provider)
    if params.get("error"):
        denied = params["error"] == "access_denied"
        what = "Access was not granted" if denied else f"It answered “{params['error'][:80]}”"
        raise Refused(f"{label} was not connected. {what}.{AGAIN}")
    if not params.get("code"):
        raise Refused(f"{label} sent no code.{AGAIN}")
    provider = connect.provider_for(installation)
    address = redirect_uri(installation.provider)
    grant = provider.oauth_exchange(params["code"], address, params, verifier)
    tokens.store_grant(installation, grant)
    audit.record(request, AuditAction.CHANGED, installation, did="connected by login")
    connecting.connect_now(request, installation, logged_in=True)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _label(provider: str) -> str:
    return providers.get(provider).label
