"""The five calls, as axios makes them: POST, JSON of any content type, no redirects, no header
that says who calls. The token in the address is the secret.

Whatever can be taken is stored and answered 2xx at once: Botpress repeats nothing, and an error
reaches its user.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from conversations.api.bodies import TooLarge, read_body
from conversations.api.guard import guard
from conversations.api.problems import exception_handler, problem
from conversations.botpress import reading
from conversations.flows.botpress import closing, handoff, people, speaking
from hitl_bridge.models import Installation
from hitl_bridge.models.bots import Connector

log = structlog.get_logger(__name__)

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
TRIES = 3
# Two calls that waited for each other's rows: the database has undone one and lets it start anew.
# After any other of its errors the call may have been stored, and comes with no key to tell.
UNDONE = ("40001", "40P01")

Answer = Mapping[str, Any]
Call = Callable[[Installation, reading.Json], Answer]


@csrf_exempt
def call(request: HttpRequest, token: str, name: str) -> HttpResponse:
    """POST /botpress/<token>/<name>, with any number of slashes around the name."""
    if request.method != "POST":
        response = problem(405, "This address takes POST only.")
        response["Allow"] = "POST"
        return response
    wait = guard.wait(request, token, counted=True)
    if wait:
        response = problem(429, "Too many calls: try again later.")
        response["Retry-After"] = str(wait)
        return response
    try:
        body = read_body(request)
    except TooLarge as error:
        return problem(413, str(error.detail))
    installation = _installation(token)
    act = CALLS.get(name.strip("/"))
    if installation is None or act is None:
        guard.refused(request)
        return problem(404, "There is no such address.")
    guard.admitted(token)
    structlog.contextvars.bind_contextvars(
        tenant_id=installation.tenant_id, installation_id=installation.pk
    )
    try:
        given = {} if act is _ping else reading.read(body)
        return JsonResponse(_carry_out(act, installation, given))
    except Exception as error:  # noqa: BLE001 - as a problem, whatever it is; logged there
        return exception_handler(error, {})


def _installation(token: str) -> Installation | None:
    if not TOKEN.match(token):
        return None
    return (
        Installation.objects.select_related("app", "bot__tenant")
        .filter(bot_token=token, bot__connector=Connector.BOTPRESS, bot__enabled=True)
        .first()
    )


def _carry_out(act: Call, installation: Installation, given: reading.Json) -> Answer:
    for _ in range(TRIES - 1):
        try:
            return act(installation, given)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in UNDONE:
                raise
            log.warning("botpress_call_repeated", error=type(error).__name__)
    return act(installation, given)


def _ping(installation: Installation, given: reading.Json) -> Answer:
    del given
    handoff.pinged(installation)
    return {}


def _create_user(installation: Installation, given: reading.Json) -> Answer:
    who = reading.identity(reading.payload_of(given))
    return {"id": people.announce(installation, who).id}


def _create_conversation(installation: Installation, given: reading.Json) -> Answer:
    return {"id": handoff.start(installation, reading.handoff(reading.payload_of(given))).id}


def _send_message(installation: Installation, given: reading.Json) -> Answer:
    speaking.take(installation, reading.incoming(given))
    return {}


def _close_ticket(installation: Installation, given: reading.Json) -> Answer:
    closing.take(installation, *reading.closing(reading.payload_of(given)))
    return {}


CALLS: dict[str, Call] = {
    "ping": _ping,
    "createRemoteUser": _create_user,
    "createRemoteConversation": _create_conversation,
    "botSendsMessage": _send_message,
    "closeRemoteTicket": _close_ticket,
}
