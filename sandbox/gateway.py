"""The door of every vendor's API: finds the account, records the call, lets faults happen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from sandbox import faults, vendors
from sandbox.models import Account, FaultRule, RecordedRequest

KEY = re.compile(r"(?<=hapikey=)[^&]+")  # a secret that travels in the address
KEPT_BODY = 64 * 1024  # characters
MOUNT = re.compile(rf"^/({'|'.join(vendors.VENDORS)})/([-\w]+)(/.*)?$")


class VendorRequest(HttpRequest):
    """A request to a vendor's API; the gateway has put the account on it."""

    account: Account


class VendorGateway:
    """Middleware before the vendors' views. Other addresses pass untouched."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        match = MOUNT.match(request.path_info)
        account = match and Account.objects.filter(vendor=match[1], slug=match[2]).first()
        if not match or not account:
            return self.get_response(request)
        request.account = account  # type: ignore[attr-defined]
        path = match[3] or "/"
        record = _record(request, account, path)
        rule = faults.for_call(account, str(request.method), path)
        response = self._answer(request, account, rule)
        _finish(record, response, rule)
        return response

    def _answer(
        self, request: HttpRequest, account: Account, rule: FaultRule | None
    ) -> HttpResponseBase:
        if rule is None:
            return self.get_response(request)
        if rule.kind == "reset":
            return faults.reset(request)
        if rule.kind == "timeout_after_accept":
            self.get_response(request)
            return faults.silence(request, rule.seconds)
        if rule.kind == "slow":
            time.sleep(rule.seconds)
            return self.get_response(request)
        return vendors.of(account).failure_of(request, int(rule.kind), rule.seconds)


def _record(request: HttpRequest, account: Account, path: str) -> RecordedRequest:
    query = KEY.sub("", request.META.get("QUERY_STRING", ""))
    # The token is checked by the vendor's view; a copy of it here would serve nobody.
    headers = {k: v for k, v in request.headers.items() if k not in ("Authorization", "Cookie")}
    return RecordedRequest(
        account=account,
        method=str(request.method),
        path=(path + (f"?{query}" if query else ""))[:500],
        headers=headers,
        body=request.body.decode(errors="replace")[:KEPT_BODY],
    )


def _finish(record: RecordedRequest, response: HttpResponseBase, rule: FaultRule | None) -> None:
    record.fault = rule.kind if rule else ""
    if isinstance(response, HttpResponse):
        record.status = response.status_code
        record.response = response.content.decode(errors="replace")[:KEPT_BODY]
    with transaction.atomic():
        record.save()
        if record.pk % 100 == 0:
            old = RecordedRequest.objects.filter(
                account=record.account, pk__lt=record.pk - RecordedRequest.KEPT
            )
            old.delete()
