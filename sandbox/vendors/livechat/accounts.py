"""The accounts server: the page where an admin allows an app, agents' and customers' tokens.

https://platform.text.com/docs/authorization
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from sandbox import desk
from sandbox.models import Account, Contact
from sandbox.vendors.livechat import tokens
from sandbox.vendors.livechat.errors import OAuthError

Json = dict[str, Any]
CODE_AGE = 300  # seconds
COOKIE_AGE = 63072000  # seconds: two years
COOKIES = ("__lc_cid", "__lc_cst")
View = Callable[..., HttpResponse]

MALFORMED = (
    "The request is missing a required parameter, includes an invalid parameter value, "
    "includes a parameter more than once, or is otherwise malformed."
)
NOT_AUTHORIZED = "The client is not authorized to request a token using this method."
BAD_GRANT = "The provided authorization grant or refresh token is invalid, expired or revoked."


def malformed() -> OAuthError:
    """A parameter is missing or wrong."""
    return OAuthError("invalid_request", MALFORMED)


def _endpoint(*, customer: bool, **handlers: Callable[..., HttpResponse]) -> View:
    """A view of one address, from a handler per method."""

    def view(request: HttpRequest, account: str) -> HttpResponse:
        row = Account.objects.filter(vendor="livechat", slug=account).first()
        handler = handlers.get(str(request.method).lower())
        if row is None or handler is None:
            return OAuthError("resource_not_found", "Not found", 404).answer(customer=customer)
        try:
            return handler(request, row)
        except OAuthError as problem:
            return problem.answer(customer=customer)

    return view


def _bearer(request: HttpRequest) -> str:
    """The token in the header, or as `?code=`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme == "Bearer" else request.GET.get("code", "")


def _json(request: HttpRequest) -> Json:
    """The body; the content type does not matter."""
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        raise malformed() from None
    if not isinstance(body, dict):
        raise malformed()
    return body


# --- agents ---------------------------------------------------------------------------------------


def authorize(request: HttpRequest, account: str) -> HttpResponse:
    """GET /?response_type=code&client_id&redirect_uri&state[&code_challenge...]: asks, then
    redirects with code and state."""
    row = Account.objects.get(vendor="livechat", slug=account)
    asked = request.GET
    target = asked.get("redirect_uri", "")
    if asked.get("response_type") != "code":
        return _ooops("unsupported_response_type")
    if asked.get("client_id") != row.credentials["client_id"] or not allowed(row, target):
        return _ooops("unauthorized_client")
    if row.setting("oauth_asks", True) and "allow" not in asked:
        again = urlencode({**asked.dict(), "allow": "1"})
        context = {
            "account": row,
            "vendor": "LiveChat",
            "workspace": row.credentials["organization_id"],
            "allow_url": f"{request.path}?{again}",
        }
        return render(request, "sandbox/oauth.html", context)
    code = {
        "account": row.slug,
        "redirect_uri": target,
        "challenge": asked.get("code_challenge", ""),
        "method": asked.get("code_challenge_method", "plain").lower(),
    }
    answer = {"code": signing.dumps(code, salt="livechat-code"), "state": asked.get("state", "")}
    join = "&" if urlsplit(target).query else "?"
    return redirect(f"{target}{join}{urlencode({k: v for k, v in answer.items() if v})}")


def _ooops(code: str) -> HttpResponse:
    """LiveChat redirects to an error page of its own, never to the app."""
    return HttpResponse(f"oauth_exception={code}", status=400, content_type="text/plain")


def allowed(account: Account, uri: str) -> bool:
    """Whether a redirect URI is on the app's list (scheme and host exact, path by its beginning);
    setting `redirect_uris`, without which any web address is."""
    wanted = urlsplit(uri)
    if wanted.scheme not in ("http", "https") or not wanted.netloc or ".." in wanted.path:
        return False
    listed = account.setting("redirect_uris")
    return listed is None or any(
        (one.scheme, one.netloc) == (wanted.scheme, wanted.netloc)
        and wanted.path.startswith(one.path)
        for one in map(urlsplit, listed)
    )


def _token(request: HttpRequest, row: Account) -> HttpResponse:
    """POST /v2/token: a code or a refresh token, for an access token."""
    given = request.POST.dict() or {k: str(v) for k, v in _json(request).items()}
    for name in ("client_id", "client_secret"):
        if not tokens.same(given.get(name, ""), row.credentials[name]):
            raise OAuthError("invalid_client", NOT_AUTHORIZED)
    if given.get("grant_type") == "refresh_token":
        refresh = given.get("refresh_token", "")
        if not tokens.refresh_is_valid(row, refresh):
            raise OAuthError("invalid_grant", BAD_GRANT)
        return JsonResponse(tokens.grant(row, refresh))
    if given.get("grant_type") != "authorization_code":
        raise OAuthError("unsupported_grant_type", MALFORMED, 422)
    _use_code(row, given)
    return JsonResponse(tokens.grant(row))


@transaction.atomic
def _use_code(row: Account, given: dict[str, str]) -> None:
    row.refresh_from_db()
    given_code = given.get("code", "")
    try:
        code = signing.loads(given_code, salt="livechat-code", max_age=CODE_AGE)
    except signing.BadSignature:
        raise OAuthError("unauthorized_client", NOT_AUTHORIZED) from None
    used = row.setting("used_codes", [])
    if code["account"] != row.slug or given_code in used:
        raise OAuthError("unauthorized_client", NOT_AUTHORIZED)
    if code["redirect_uri"] != given.get("redirect_uri"):
        raise OAuthError("invalid_grant", BAD_GRANT)
    if code["challenge"] and _challenge(given, code["method"]) != code["challenge"]:
        raise OAuthError("invalid_grant", BAD_GRANT)
    row.settings["used_codes"] = [*used[-50:], given_code]
    # Allowing the app installs it, and installing it switches its webhooks on.
    row.settings["webhooks_enabled"] = True
    row.save(update_fields=["settings"])


def _challenge(given: dict[str, str], method: str) -> str:
    verifier = given.get("code_verifier", "")
    if method != "s256":
        return verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _revoke(request: HttpRequest, row: Account) -> HttpResponse:
    """DELETE /v2/token."""
    if not tokens.revoke(row, _bearer(request)):
        raise OAuthError("invalid_grant", BAD_GRANT)
    return HttpResponse()


def _info(request: HttpRequest, row: Account) -> HttpResponse:
    """GET /v2/info."""
    entry = tokens.agents(row, _bearer(request))
    if entry is None:
        raise OAuthError("unauthorized", "The account is not authorized.")
    extra = {"client_id": row.credentials["client_id"], "refresh_token": entry["refresh"]}
    return JsonResponse(tokens.described(row, entry) | extra)


# --- customers ------------------------------------------------------------------------------------


def _customer_token(request: HttpRequest, row: Account) -> HttpResponse:
    """POST /v2/customer/token: a token of a new customer, or of a known one."""
    body = _json(request)
    if body.get("client_id") != row.credentials["client_id"]:
        raise OAuthError("invalid_client", NOT_AUTHORIZED)
    if body.get("response_type", "token") != "token":
        raise malformed()
    with transaction.atomic():
        if body.get("grant_type") == "agent_token":
            customer = _by_agent(request, row, body)
            return JsonResponse(tokens.grant_customer(customer))
        if body.get("grant_type") == "cookie":
            customer = _by_cookie(request, row, body)
            return _with_cookies(request, customer)
    raise OAuthError("unsupported_grant_type", MALFORMED)


def _by_agent(request: HttpRequest, row: Account, body: Json) -> Contact:
    """For back ends: an agent's OAuth token vouches. Personal access tokens may not."""
    if tokens.agents(row, _bearer(request)) is None:
        raise OAuthError("access_denied", "The account is not authorized.")
    if "customers:own" not in tokens.scopes(row):
        raise OAuthError("access_denied", "Insufficient scope.")
    entity_id = body.get("entity_id")
    if not entity_id:
        return desk.add_contact(row)
    known = Contact.objects.filter(account=row, vendor_id=entity_id, archived=False).first()
    if known is None:
        raise OAuthError("invalid_grant", BAD_GRANT)
    return known


def _by_cookie(request: HttpRequest, row: Account, body: Json) -> Contact:
    """Without an agent: who sends both cookies is known by them, who sends none is new."""
    target = str(body.get("redirect_uri") or request.headers.get("Origin", ""))
    if body.get("organization_id") != row.credentials["organization_id"]:
        raise malformed()
    if not allowed(row, target):
        raise OAuthError("unauthorized_client", NOT_AUTHORIZED)
    cid, cst = (request.COOKIES.get(name, "") for name in COOKIES)
    if not cid and not cst:
        return desk.add_contact(row)
    known = Contact.objects.filter(account=row, vendor_id=cid, archived=False).first()
    if known is None or not tokens.cookie_is_valid(known, cst):
        raise OAuthError("invalid_grant", BAD_GRANT)
    return known


def _with_cookies(request: HttpRequest, customer: Contact) -> HttpResponse:
    """The token, and cookies for two years from now. LiveChat's are also Secure and bound to its
    domain, which no client would send back to a plain loopback address."""
    secret = tokens.new_cookie(customer)
    answer = tokens.grant_customer(customer)
    answer.pop("client_id")
    response = JsonResponse(answer)
    path = request.path.removesuffix("/token")
    for name, value in zip(COOKIES, (customer.vendor_id, secret), strict=True):
        response.set_cookie(
            name, value, max_age=COOKIE_AGE, path=path, httponly=True, samesite="None"
        )
    return response


def _whose(request: HttpRequest, row: Account) -> tuple[Contact, Json]:
    found = tokens.customers(row, _bearer(request))
    if found is None:
        raise OAuthError("access_denied", "The customer is not authorized.")
    return found


def _customer_info(request: HttpRequest, row: Account) -> HttpResponse:
    """GET /v2/customer/info."""
    return JsonResponse(tokens.described_customer(*_whose(request, row)))


def _revoke_customer(request: HttpRequest, row: Account) -> HttpResponse:
    """DELETE /v2/customer/token."""
    customer, entry = _whose(request, row)
    tokens.revoke_customer(customer, entry["token"])
    return HttpResponse()


token = _endpoint(customer=False, post=_token, delete=_revoke)
info = _endpoint(customer=False, get=_info)
customer_token = _endpoint(customer=True, post=_customer_token, delete=_revoke_customer)
customer_info = _endpoint(customer=True, get=_customer_info)
