"""The Content-Security-Policy of each answer: what a browser may load and run there.

No page of ours has a script or a style in itself, so nothing that slips into one runs. What is
allowed beyond that, and why:

- `'unsafe-eval'` in the admin: the theme is built on Alpine.js, which evaluates the expressions in
  its own `x-` attributes. Alpine's build for strict policies refuses those that the theme uses
  (`localStorage`, `window`). It allows no script in a page; text is escaped, so nobody's text
  becomes an attribute.
- One style in the admin, by its hash: the theme writes it into lists that have no actions.
- Pictures from anywhere by https: the transcript shows those that bots and help desks point to.
- Forms of an installation's page may lead to https: its Connect button does, to the vendor's login.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

# An address with more in it than that could end the directive and begin another.
SOURCE = re.compile(r"https?:(//[A-Za-z0-9.:\[\]-]+)?/?")
HEADER = "Content-Security-Policy"
# Of the style in unfold's admin/change_list.html; tests/security/test_headers.py compares it.
LIST_STYLE = "'sha256-+MEQ/O07HiRf96s+FyiSQj7xKrHjGPZWCed2MyGUBF4='"
ALWAYS = "base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
NOTHING = f"default-src 'none'; form-action 'none'; {ALWAYS}"
ADMIN = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; "
    f"style-src 'self' {LIST_STYLE}; img-src 'self' data: https:{{images}}; font-src 'self'; "
    f"connect-src 'self'; form-action 'self'{{forms}}; {ALWAYS}"
)
DOCS = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    f"connect-src 'self'; form-action 'none'; {ALWAYS}"
)


def policy(request: HttpRequest) -> str:
    """The policy for whatever is answered.

    `request.csp_form_action` lists where else the page's forms may lead: schemes or origins.
    """
    if request.path_info.startswith("/admin/"):
        listed = getattr(request, "csp_form_action", ())
        forms = "".join(f" {source}" for source in listed if SOURCE.fullmatch(source))
        # Without https, on a machine of one's own, pictures come by http as well.
        return ADMIN.format(forms=forms, images="" if request.is_secure() else " http:")
    return DOCS if request.path_info == "/api/docs/" else NOTHING


@sync_and_async_middleware
def content_security(get_response: Any) -> Callable[[HttpRequest], Any]:
    """Add the policy to every answer that has none of its own."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            return _protected(request, await cast(Awaitable[Any], get_response(request)))

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        return _protected(request, get_response(request))

    return answer


def _protected(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault(HEADER, policy(request))
    response.headers.setdefault(
        "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
    )
    return response
