"""/control/: how tests and demonstrations set the sandbox up, look into it and break it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from sandbox import faults, vendors, webhooks
from sandbox.inbox import agent, moment, summary, transcript
from sandbox.models import (
    Account,
    Agent,
    Contact,
    FaultRule,
    OutgoingWebhook,
    RecordedRequest,
    Ticket,
)
from sandbox.web import BadRequestError, Json, body_of, json_view

# Long enough that any client gives up first.
SILENCE = 30.0


@json_view("GET", "POST")
def accounts(request: HttpRequest) -> Any:
    """GET lists; POST `{vendor, slug, name?, credentials?, settings?, webhook_url?}` creates the
    account or changes the given fields of an existing one."""
    if request.method == "GET":
        return [_account(row) for row in Account.objects.order_by("id")]
    body = body_of(request)
    if body.get("vendor") not in vendors.VENDORS or not body.get("slug"):
        raise BadRequestError(f"vendor (one of {', '.join(vendors.VENDORS)}) and slug wanted")
    row = Account.objects.filter(slug=body["slug"]).first() or _create(body)
    return _change(row, body)


@transaction.atomic
def _create(body: Json) -> Account:
    row = Account.objects.create(
        vendor=body["vendor"],
        slug=body["slug"],
        name=body.get("name") or str(body["slug"]).replace("-", " ").title(),
        credentials=body.get("credentials") or {},
    )
    vendors.of(row).seed(row)
    return row


@json_view("GET", "PATCH", "DELETE")
def account(request: HttpRequest, slug: str) -> Json:
    """GET, PATCH (the fields of POST), DELETE one account."""
    row = get_object_or_404(Account, slug=slug)
    if request.method == "DELETE":
        row.delete()
        return {}
    return _change(row, body_of(request)) if request.method == "PATCH" else _account(row)


def _change(row: Account, body: Json) -> Json:
    with transaction.atomic():  # a vendor's call may be changing the settings too
        row.refresh_from_db()
        row.name = body.get("name") or row.name
        row.credentials |= body.get("credentials") or {}
        row.settings |= body.get("settings") or {}
        row.save(update_fields=["name", "credentials", "settings"])
    if "webhook_url" in body:
        webhooks.save_url(row, str(body["webhook_url"]))
    return _account(row)


def _account(row: Account) -> Json:
    return {
        "vendor": row.vendor,
        "slug": row.slug,
        "name": row.name,
        "path": f"/{row.vendor}/{row.slug}",
        "credentials": row.credentials,
        "settings": row.settings,
        "webhook_url": row.webhook_url,
        "webhook_state": row.webhook_state,
        "webhook_note": row.webhook_note,
    }


@json_view("POST")
def reset(request: HttpRequest, slug: str) -> Json:
    """Forget contacts, tickets, files, webhooks, requests and faults; keep the credentials."""
    row = get_object_or_404(Account, slug=slug)
    with transaction.atomic():
        for rows in (row.tickets, row.contacts, row.webhooks, row.requests, row.faults, row.tags):
            rows.all().delete()
    return _account(row)


@json_view("GET")
def agents(request: HttpRequest, slug: str) -> Any:
    """Humans and bots."""
    return [agent(row) | {"is_bot": row.is_bot} for row in _of(slug).agents.order_by("id")]


@json_view("POST")
def change_agent(request: HttpRequest, slug: str, agent_id: str) -> Json:
    """`{away}`: whether the agent has gone away."""
    row = get_object_or_404(Agent, account__slug=slug, vendor_id=agent_id)
    row.away = bool(body_of(request).get("away", row.away))
    row.save()
    return agent(row)


def _of(slug: str) -> Account:
    return get_object_or_404(Account, slug=slug)


@json_view("GET")
def tickets(request: HttpRequest, slug: str) -> Any:
    """All tickets with their transcripts, oldest first."""
    rows = Ticket.objects.filter(account=_of(slug)).select_related("contact", "agent", "team")
    brief = request.GET.get("brief")
    return [summary(row) if brief else transcript(row) for row in rows.order_by("id")]


@json_view("GET")
def ticket(request: HttpRequest, slug: str, ticket: str) -> Json:
    """One ticket with its transcript. Acting on it: POST .../<action>, see inbox.do."""
    return transcript(get_object_or_404(Ticket, account__slug=slug, vendor_id=ticket))


@json_view("GET")
def requests(request: HttpRequest, slug: str) -> Any:
    """The newest 1000 calls that the vendor's API received, oldest first."""
    return [
        {
            "method": row.method,
            "path": row.path,
            "headers": row.headers,
            "body": row.body,
            "status": row.status,
            "response": row.response,
            "fault": row.fault,
            "at": moment(row.created_at),
        }
        for row in RecordedRequest.objects.filter(account=_of(slug)).order_by("id")
    ]


@json_view("GET", "POST")
def hooks(request: HttpRequest, slug: str) -> Any:
    """GET: outgoing webhooks, oldest first. POST sends `{topic, payload}` as it stands, or
    `{replay: <id>}` once more, or the vendor's `{ping: true}`."""
    row = _of(slug)
    if request.method == "POST":
        topic, payload = _wanted_hook(row, body_of(request))
        with transaction.atomic():
            webhooks.enqueue(row, "control", topic, payload)
    return [_hook(hook) for hook in OutgoingWebhook.objects.filter(account=row).order_by("id")]


def _wanted_hook(row: Account, body: Json) -> tuple[str, Json]:
    if "replay" in body:
        old = get_object_or_404(OutgoingWebhook, account=row, pk=body["replay"])
        return old.topic, old.payload
    ping = vendors.of(row).ping(row) if body.get("ping") else None
    if ping:
        return ping
    if not isinstance(body.get("payload"), dict):
        raise BadRequestError("payload, replay or ping wanted")
    return str(body.get("topic", "")), body["payload"]


def _hook(row: OutgoingWebhook) -> Json:
    return {
        "id": row.pk,
        "topic": row.topic,
        "payload": row.payload,
        "state": row.state,
        "attempts": row.attempts,
        "status": row.status,
        "error": row.error,
        "body": row.body,
        "headers": row.headers,
        "due_in": max(0.0, (row.next_attempt_at - timezone.now()).total_seconds()),
    }


@json_view("GET", "POST", "DELETE")
def fault_rules(request: HttpRequest, slug: str) -> Any:
    """GET lists; DELETE removes all; POST adds
    `{kind, method?, path?, count?, probability?, seed?, seconds?}`."""
    row = _of(slug)
    if request.method == "DELETE":
        FaultRule.objects.filter(account=row).delete()
    elif request.method == "POST":
        _add_rule(row, body_of(request))
    return list(FaultRule.objects.filter(account=row).order_by("id").values())


def _add_rule(row: Account, body: Json) -> None:
    kind = str(body.get("kind", ""))
    if not faults.is_known(kind):
        known = ", ".join((*faults.CALL_KINDS, *faults.WEBHOOK_KINDS))
        raise BadRequestError(f"kind: an HTTP status from 400, or one of {known}")
    probability = body.get("probability")
    FaultRule.objects.create(
        account=row,
        kind=kind,
        method=str(body.get("method") or "").upper(),
        path=str(body.get("path") or ""),
        remaining=body.get("count"),
        probability=1.0 if probability is None else probability,
        seed=body.get("seed") or 0,
        seconds=body.get("seconds", SILENCE if kind == "timeout_after_accept" else 0),
    )


@json_view("GET")
def contacts(request: HttpRequest, slug: str) -> Any:
    """All contacts, with the states that an API does not show."""
    fields = ("vendor_id", "role", "external_id", "email", "name", "phone", "archived", "blocked")
    return list(Contact.objects.filter(account=_of(slug)).order_by("id").values(*fields))


@json_view("POST")
def contact(request: HttpRequest, slug: str, contact: str) -> Json:
    """`{archived?, blocked?, merged_into?: <contact id>}` on one contact."""
    row = get_object_or_404(Contact, account__slug=slug, vendor_id=contact)
    body = body_of(request)
    row.archived = bool(body.get("archived", row.archived))
    row.blocked = bool(body.get("blocked", row.blocked))
    if body.get("merged_into"):
        row.merged_into = get_object_or_404(
            Contact, account__slug=slug, vendor_id=body["merged_into"]
        )
        row.tickets.update(contact=row.merged_into)
    row.save()
    return {"id": row.vendor_id, "archived": row.archived, "blocked": row.blocked}
