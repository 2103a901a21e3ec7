"""Intercom's OAuth: the page where an admin allows an app, and the exchange of the code."""

from __future__ import annotations

import hmac
from urllib.parse import urlencode, urlsplit

from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from sandbox.models import Account
from sandbox.vendors.intercom.http import ApiError, Call, error_list, read_json

CODE_AGE = 600  # seconds


def authorize(request: HttpRequest, account: str) -> HttpResponse:
    """GET /oauth?client_id&state[&redirect_uri]: asks, then redirects with code and state."""
    row = Account.objects.get(vendor="intercom", slug=account)
    target = request.GET.get("redirect_uri") or row.setting("redirect_uri", "")
    if request.GET.get("client_id") != row.credentials["client_id"]:
        return HttpResponse("Unknown client_id", status=404)
    if urlsplit(target).scheme not in ("http", "https"):
        return HttpResponse("No redirect URL is set up for this app", status=400)
    code = signing.dumps({"account": row.slug}, salt="oauth-code")
    join = "&" if urlsplit(target).query else "?"
    answer = urlencode({"code": code, "state": request.GET.get("state", "")})
    if row.setting("oauth_asks", True) and "allow" not in request.GET:
        again = urlencode({**request.GET.dict(), "allow": "1"})
        address = reverse("intercom-oauth", args=[row.slug])
        context = {"account": row, "allow_url": f"{address}?{again}"}
        return render(request, "sandbox/oauth.html", context)
    return redirect(f"{target}{join}{answer}")


def token(request: HttpRequest, account: str) -> HttpResponse:
    """POST /auth/eagle/token with code, client_id, client_secret: JSON or form."""
    try:
        row: Account = request.account  # type: ignore[attr-defined]
        given = _given(request, row)
        _check(row, given)
    except ApiError as problem:
        return error_list(problem)
    access = row.credentials["access_token"]
    return JsonResponse({"token_type": "Bearer", "token": access, "access_token": access})


def _given(request: HttpRequest, row: Account) -> dict[str, str]:
    if request.content_type == "application/json":
        call = Call(row, request, read_json(request))
        return {k: call.text(k) for k in ("code", "client_id", "client_secret")}
    return request.POST.dict()


def _check(row: Account, given: dict[str, str]) -> None:
    for name in ("client_id", "client_secret"):
        if not hmac.compare_digest(given.get(name, "").encode(), row.credentials[name].encode()):
            raise ApiError(401, "unauthorized", "Client credentials are invalid")
    try:
        code = signing.loads(given.get("code", ""), salt="oauth-code", max_age=CODE_AGE)
    except signing.BadSignature:
        code = {}
    used = row.setting("used_codes", [])
    if code.get("account") != row.slug or given["code"] in used:
        raise ApiError(401, "unauthorized", "Code is invalid or was used before")
    row.settings["used_codes"] = [*used[-50:], given["code"]]
    row.save(update_fields=["settings"])
