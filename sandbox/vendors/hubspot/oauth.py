"""HubSpot's OAuth: the page where a person connects an app, tokens, and what they are for.

https://developers.hubspot.com/docs/apps/legacy-apps/authentication/working-with-oauth
"""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from sandbox.models import Account
from sandbox.vendors.hubspot import store, tokens
from sandbox.vendors.hubspot.http import ApiError, error, unsupported

Json = dict[str, Any]
CODE_AGE = 600  # seconds
USER_ID = 55


# --- the page -------------------------------------------------------------------------------


def authorize(request: HttpRequest, account: str) -> HttpResponse:
    """GET /oauth/authorize?client_id&redirect_uri&scope[&optional_scope]&state: asks, then
    redirects with code and state. Settings: `oauth_asks`, `redirect_uri`, `scopes`."""
    row = Account.objects.get(vendor="hubspot", slug=account)
    query = request.GET
    problem = _problem(row, query.dict())
    if problem:
        return HttpResponse(problem, status=400, content_type="text/plain")
    target = query["redirect_uri"]
    scopes = [*query["scope"].split(), *query.get("optional_scope", "").split()]
    if row.setting("oauth_asks", True) and "allow" not in query:
        again = urlencode({**query.dict(), "allow": "1"})
        context = {"account": row, "allow_url": f"{request.path}?{again}", "scopes": scopes}
        return render(request, "sandbox/hubspot_oauth.html", context)
    code = signing.dumps([row.slug, target, scopes, uuid.uuid4().hex], salt="hubspot-code")
    answer = {"code": code} | ({"state": query["state"]} if "state" in query else {})
    return redirect(f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(answer)}")


def _problem(row: Account, query: dict[str, str]) -> str:
    """Why HubSpot shows an error page; empty if it does not."""
    if query.get("client_id") != row.credentials["client_id"]:
        return "Authorization failed: the app could not be found."
    target = query.get("redirect_uri", "")
    registered = row.setting("redirect_uri")
    # HubSpot wants https; a bridge on this machine has none.
    if urlsplit(target).scheme not in ("http", "https") or target != (registered or target):
        return "Authorization failed: the redirect URL does not match the app's."
    asked = set(query.get("scope", "").split())
    ticked = row.setting("scopes")
    if not asked or (ticked and asked != set(ticked)):
        return "Authorization failed: the scopes do not match those of the app."
    return ""


# --- tokens ---------------------------------------------------------------------------------


def posted(act: Callable[[Account, dict[str, str]], HttpResponse]) -> Callable[..., HttpResponse]:
    """A view of a form-encoded POST that names the client."""

    def view(request: HttpRequest, account: str) -> HttpResponse:
        row: Account | None = getattr(request, "account", None)
        try:
            if row is None:
                raise ApiError(404, "OBJECT_NOT_FOUND", "resource not found")
            if request.method != "POST":
                raise ApiError(405, "VALIDATION_ERROR", "HTTP 405 Method Not Allowed")
            if request.content_type != "application/x-www-form-urlencoded":
                raise unsupported()
            form = request.POST.dict()
            _check_client(row, form)
            return act(row, form)
        except ApiError as problem:
            return error(problem)

    return view


def _check_client(row: Account, form: dict[str, str]) -> None:
    given = form.get("client_id", ""), form.get("client_secret", "")
    known = row.credentials["client_id"], row.credentials["client_secret"]
    for name, one, other in zip(("id", "secret"), given, known, strict=True):
        if not hmac.compare_digest(one.encode(), other.encode()):
            raise _bad(f"BAD_CLIENT_{name.upper()}", f"missing or unknown client {name}")


def _bad(status: str, message: str, *, grant: bool = False) -> ApiError:
    """The 400 of the token endpoint; a dead grant is named as OAuth 2.0 names it, too."""
    problem = ApiError(400, "VALIDATION_ERROR", message)
    problem.body = {"status": status, "message": message, "correlationId": str(uuid.uuid4())}
    if grant:
        problem.body |= {"error": "invalid_grant", "error_description": message}
    return problem


@posted
def token(row: Account, form: dict[str, str]) -> HttpResponse:
    """POST /token, newer versions."""
    return JsonResponse(_grant(row, form, newer=True))


@posted
def token_v1(row: Account, form: dict[str, str]) -> HttpResponse:
    """POST /oauth/v1/token: without the newer fields."""
    return JsonResponse(_grant(row, form, newer=False))


def _grant(row: Account, form: dict[str, str], *, newer: bool) -> Json:
    kind = form.get("grant_type", "")
    if kind == "authorization_code":
        scopes = _redeem(row, form)
        refresh = tokens.new_refresh(row, scopes)
    elif kind == "refresh_token":
        refresh = form.get("refresh_token", "")
        grant = tokens.read_refresh(row, refresh)
        if grant is None:
            raise _bad("BAD_REFRESH_TOKEN", "missing or invalid refresh token", grant=True)
        scopes = grant.scopes
        if row.setting("rotates"):
            tokens.revoke(row, refresh)
            refresh = tokens.new_refresh(row, scopes)
    else:
        raise _bad("BAD_GRANT_TYPE", "missing or unknown grant type")
    answer: Json = {
        "token_type": "bearer",
        "refresh_token": refresh,
        "access_token": tokens.new_access(row, scopes),
        "expires_in": tokens.ttl(row),
    }
    if newer:
        hub_id = int(row.credentials["portal_id"])
        extra = {"hub_id": hub_id, "scopes": scopes, "user_id": USER_ID}
        answer |= {**extra, "token_use": "access_token"}
    return answer


def _redeem(row: Account, form: dict[str, str]) -> tuple[str, ...]:
    """What a code was given for; each is good once, for ten minutes, at its redirect URL."""
    code = form.get("code", "")
    try:
        slug, target, scopes, _ = signing.loads(code, salt="hubspot-code", max_age=CODE_AGE)
    except (signing.BadSignature, ValueError):
        slug, target, scopes = "", "", []
    digest = hashlib.sha256(code.encode()).hexdigest()[:32]
    with store.change(row) as kept:
        used = digest in kept["codes"]
        kept["codes"] = [*kept["codes"][-50:], digest]
    if slug != row.slug or used:
        raise _bad("BAD_AUTH_CODE", "missing or unknown auth code", grant=True)
    if form.get("redirect_uri") != target:
        raise _bad("BAD_REDIRECT_URI", "missing or invalid redirect uri")
    return tuple(scopes)


# --- what a token is for --------------------------------------------------------------------


def _info(row: Account, scopes: tuple[str, ...], token: str, use: str) -> Json:
    return {
        "token": token,
        "token_type": "bearer",
        "token_use": use,
        "active": True,
        "user": "maya@acme.test",
        "user_id": USER_ID,
        "hub_id": int(row.credentials["portal_id"]),
        "hub_domain": f"{row.slug}.hubspot.test",
        "app_id": int(row.credentials["app_id"]),
        "client_id": row.credentials["client_id"],
        "scopes": list(scopes),
    }


def _access_info(row: Account, token: str) -> Json | None:
    grant = tokens.read_access(row, token)
    if grant is None or grant.expired:
        return None
    left = int(grant.expires_at - time.time())
    info = _info(row, grant.scopes, token, "access_token")
    return {**info, "expires_in": left, "is_private_distribution": False} | {
        "signed_access_token": {
            "expiresAt": int(grant.expires_at * 1000),
            "scopes": "AAEC",
            "hubId": info["hub_id"],
            "userId": USER_ID,
            "appId": info["app_id"],
            "signature": "c2lnbmF0dXJl",
            "scopeToScopeGroupPks": "AAEC",
            "newSignature": "c2lnbmF0dXJl",
            "hublet": "na1",
            "trialScopes": "",
            "trialScopeToScopeGroupPks": "",
            "isUserLevel": False,
            "installingUserId": USER_ID,
            "isServiceAccount": False,
            "isPrivateDistribution": False,
            "appInstallId": "1",
            "audience": "HUBSPOT",
        }
    }


@posted
def introspect(row: Account, form: dict[str, str]) -> HttpResponse:
    """POST /token/introspect."""
    given = form.get("token", "")
    if form.get("token_type_hint") == "refresh_token":
        grant = tokens.read_refresh(row, given)
        if grant is None:
            raise _bad("BAD_REFRESH_TOKEN", "missing or invalid refresh token", grant=True)
        return JsonResponse(_info(row, grant.scopes, given, "refresh_token"))
    info = _access_info(row, given)
    if info is None:
        raise ApiError(401, "INVALID_AUTHENTICATION", "The access token is invalid or expired.")
    return JsonResponse(info)


@posted
def revoke(row: Account, form: dict[str, str]) -> HttpResponse:
    """POST /token/revoke."""
    tokens.revoke(row, form.get("token", ""))
    return HttpResponse(status=204)


def access_token_v1(request: HttpRequest, account: str, token: str) -> HttpResponse:
    """GET /oauth/v1/access-tokens/{token}: needs nothing else."""
    row: Account = request.account  # type: ignore[attr-defined]
    info = _access_info(row, token)
    if info is None:
        return error(ApiError(404, "OBJECT_NOT_FOUND", "token not found"))
    for name in ("active", "client_id", "token_use"):
        info.pop(name)
    return JsonResponse(info)


def refresh_token_v1(request: HttpRequest, account: str, token: str) -> HttpResponse:
    """GET or DELETE /oauth/v1/refresh-tokens/{token}."""
    row: Account = request.account  # type: ignore[attr-defined]
    grant = tokens.read_refresh(row, token)
    if grant is None:
        return error(ApiError(404, "OBJECT_NOT_FOUND", "token not found"))
    if request.method == "DELETE":
        tokens.revoke(row, token)
        return HttpResponse(status=204)
    info = _info(row, grant.scopes, token, "refresh_token")
    for name in ("active", "token_use"):
        info.pop(name)
    return JsonResponse(info)
