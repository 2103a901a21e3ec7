"""The landing page, and the address that tells that the sandbox is up."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sandbox import vendors
from sandbox.environment import BRIDGE_URL
from sandbox.models import Account


def landing(request: HttpRequest) -> HttpResponse:
    """GET /: where everything is."""
    accounts = [(row, vendors.of(row).name) for row in Account.objects.order_by("id")[:20]]
    context = {"accounts": accounts, "bridge": BRIDGE_URL}
    return render(request, "sandbox/landing.html", context)


def alive(request: HttpRequest) -> HttpResponse:
    """GET /alive: touches nothing."""
    return HttpResponse("ok", content_type="text/plain")
