"""The accounts server: the page where access is allowed, codes, tokens, revocation.

https://www.zoho.com/accounts/protocol/oauth.html
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from sandbox.environment import SANDBOX_URL
from sandbox.models import Account
from sandbox.vendors.zoho import tokens

CODE_AGE = 120  # seconds
BLOCKED = {
    "error": "Access Denied",
    "error_description": "You have made too many requests continuously. Please try again after "
    "some time.",
    "status": "failure",
}
SALT = "zoho-code"


class RefusedError(Exception):
    """An error of the token endpoint, by Zoho's name; it comes with HTTP 200."""


def _account(request: HttpRequest) -> Account:
    row: Account | None = getattr(request, "account", None)
    if row is None:
        raise Http404
    return row


def org_authorize(request: HttpRequest, account: str) -> HttpResponse:
    """GET /oauth/v2/org/auth. Setting `client_type` other than "org": the client is refused."""
    row = _account(request)
    if row.setting("client_type", "org") != "org":
        return _page("Invalid Client Type")
    return _authorize(request, row, tokens.ORG)


def user_authorize(request: HttpRequest, account: str) -> HttpResponse:
    """GET /oauth/v2/auth."""
    row = _account(request)
    return _authorize(request, row, tokens.USER)


def _page(message: str) -> HttpResponse:
    return HttpResponse(f"<h1>Error Occurred</h1><p>{message}</p>", status=400)


def _authorize(request: HttpRequest, row: Account, level: str) -> HttpResponse:
    given = request.GET
    target = given.get("redirect_uri", "")
    wanted = row.setting("redirect_uri", "")
    problems = {
        "Invalid Response Type": given.get("response_type") == "code",
        "Invalid Client ID": given.get("client_id") == row.credentials["client_id"],
        "Invalid Redirect Uri": target == wanted
        or (not wanted and urlsplit(target).scheme in ("http", "https")),
        "Invalid OAuth Scope. Scope does not exist.": _are_scopes(given.get("scope", "")),
    }
    for message, fine in problems.items():
        if not fine:
            return _page(message)
    if row.setting("oauth_asks", True) and "allow" not in given:
        context = {
            "account": row,
            "vendor": "Zoho",
            "workspace": row.credentials["screen_name"],
            "allow_url": f"{request.path}?{urlencode({**given.dict(), 'allow': '1'})}",
        }
        return render(request, "sandbox/oauth.html", context)
    code = {
        "account": row.slug,
        "level": level,
        "scope": given["scope"],
        "redirect_uri": target,
        "offline": given.get("access_type") == "offline",
        "nonce": secrets.token_hex(8),
    }
    answer = {
        "state": given.get("state", ""),
        "code": signing.dumps(code, salt=SALT),
        "location": row.setting("location", "us"),
        "accounts-server": row.setting("accounts_server", f"{SANDBOX_URL}/zoho/{row.slug}"),
    }
    return redirect(f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(answer)}")


def _are_scopes(scope: str) -> bool:
    names = [name.strip().lower().split(".") for name in scope.split(",")]
    return all(
        len(name) == 3 and name[0] == "salesiq" and name[1] in tokens.MODULES for name in names
    )


def token(request: HttpRequest, account: str) -> HttpResponse:
    """POST /oauth/v2/token: a code or a refresh token for an access token."""
    row = _account(request)
    given = {**request.GET.dict(), **request.POST.dict()}
    try:
        _check_client(row, given)
        if given.get("grant_type") == "authorization_code":
            answer = _by_code(row, given)
        elif given.get("grant_type") == "refresh_token":
            answer = _by_refresh_token(row, given.get("refresh_token", ""))
        else:
            raise RefusedError("invalid_grant_type")
    except RefusedError as problem:
        return JsonResponse({"error": str(problem)})
    except tokens.QuotaError:
        return JsonResponse(BLOCKED, status=int(row.setting("quota_status", 400)))
    return JsonResponse(
        {
            **answer,
            # Not SalesIQ's host: a client that called this would be wrong.
            "api_domain": "https://www.zohoapis.com",
            "token_type": "Bearer",
            "expires_in": tokens.life(row),
        }
    )


def _check_client(row: Account, given: dict[str, str]) -> None:
    for name, error in (
        ("client_id", "invalid_client"),
        ("client_secret", "invalid_client_secret"),
    ):
        known = str(row.credentials[name]).encode()
        if not hmac.compare_digest(given.get(name, "").encode(), known):
            raise RefusedError(error)


def _by_code(row: Account, given: dict[str, str]) -> dict[str, Any]:
    code = given.get("code", "")
    try:
        found = signing.loads(code, salt=SALT, max_age=row.setting("code_age", CODE_AGE))
    except signing.BadSignature:
        raise RefusedError("invalid_code") from None
    if found["account"] != row.slug or not tokens.use_code(row, code):
        raise RefusedError("invalid_code")
    if found["redirect_uri"] != given.get("redirect_uri"):
        raise RefusedError("invalid_redirect_uri")
    grant = tokens.allow(row, found["level"], found["scope"])
    answer = {"access_token": tokens.issue(row, grant)}
    return answer | ({"refresh_token": grant.token} if found["offline"] else {})


def _by_refresh_token(row: Account, refresh_token: str) -> dict[str, Any]:
    access = tokens.refresh(row, refresh_token)
    if access is None:
        raise RefusedError("invalid_code")
    return {"access_token": access}


def revoke(request: HttpRequest, account: str) -> HttpResponse:
    """POST /oauth/v2/token/revoke?token=..."""
    row = _account(request)
    given = request.GET.get("token") or request.POST.get("token", "")
    if not tokens.revoke(row, given):
        return JsonResponse({"error": "invalid_token"}, status=400)
    return JsonResponse({"status": "success"})
