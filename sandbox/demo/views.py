"""Pages and JSON of the demo chat."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from html import escape

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from sandbox import files
from sandbox.demo import bridge, callbacks, chat, desks, troubles
from sandbox.inbox import moment
from sandbox.models import DemoChat, DemoMessage
from sandbox.texts import clean_html, text_to_html
from sandbox.web import BadRequestError, Json, body_of, json_view

COOKIE = "demo_chat"
LONGEST_TEXT = 10_000
MARKDOWN_LINK = re.compile(r"(!?)\[([^\]\n]*)\]\((https?://[^)\s]+)\)")
BOLD = re.compile(r"\*\*([^*\n]+)\*\*")


def _chat(request: HttpRequest) -> DemoChat | None:
    token = request.get_signed_cookie(COOKIE, default="") or "-"
    return DemoChat.objects.filter(token=token).first()


def _required(request: HttpRequest) -> DemoChat:
    found = _chat(request)
    if found is None:
        raise BadRequestError("Open /demo/ first")
    return found


def page(request: HttpRequest) -> HttpResponse:
    """GET /demo/: the chat of this browser, begun if there is none."""
    current = _chat(request) or chat.begin()
    response = render(request, "sandbox/demo.html", {"chat": current})
    response.set_signed_cookie(COOKIE, current.token, httponly=True, samesite="Lax", path="/demo/")
    return response


def both(request: HttpRequest) -> HttpResponse:
    """GET /demo/both/: the chat, the agent's inbox, and buttons that break things."""
    return render(request, "sandbox/side_by_side.html")


@json_view("GET")
def troubles_now(request: HttpRequest) -> Json:
    """GET /demo/both/troubles?desk=: what is switched on, and what has arrived."""
    return troubles.state(_required(request), request.GET.get("desk", ""))


@json_view("POST")
def trouble(request: HttpRequest, what: str) -> Json:
    """POST /demo/both/troubles/<what> `{desk, on}`; /kill ends the bridge by kill -9."""
    body = body_of(request)  # JSON only: no foreign page can send that
    if what == "kill":
        troubles.kill_the_bridge()
    else:
        troubles.switch(str(body.get("desk") or ""), what, bool(body.get("on")))
    return {}


def restart(request: HttpRequest) -> HttpResponse:
    """POST /demo/restart: a new customer in the same browser; an open session is ended first."""
    response = redirect("demo")
    if request.method != "POST":
        return response
    if current := _chat(request):
        chat.end_by_customer(current)
    response.delete_cookie(COOKIE, path="/demo/")
    return response


@json_view("GET")
def data(request: HttpRequest) -> Json:
    """GET /demo/data: the whole chat, and the help desks to choose from."""
    current = _required(request)
    typing = current.typing_until and current.typing_until > timezone.now()
    return {
        "customer": current.name,
        "mode": current.mode,
        "agent": current.agent_name,
        "typing": bool(typing),
        "desks": desks.choices(),
        "desk": desks.of_session(current),
        "messages": [_shown(m) for m in current.messages.all()],
    }


@json_view("POST")
def messages(request: HttpRequest) -> Json:
    """POST /demo/messages `{clientId, text, desk?}` or `{clientId, file: {name, data}}`."""
    current, body = _required(request), body_of(request)
    client_id = str(body.get("clientId") or "")[:60]
    text = str(body.get("text") or "").strip()[:LONGEST_TEXT]
    if not client_id or not (text or body.get("file")):
        raise BadRequestError("clientId and text or file wanted")
    kind, payload = _upload(body["file"]) if body.get("file") else ("text", {"text": text})
    chat.customer_says(current, kind, payload, client_id, str(body.get("desk") or ""))
    return {}


def _upload(upload: Json) -> tuple[str, Json]:
    try:
        content = base64.b64decode(upload["data"], validate=True)
        stored = files.store(str(upload["name"]), content)
    except (KeyError, TypeError, binascii.Error):
        raise BadRequestError("A file needs a name and Base64 data") from None
    kind = stored.content_type.partition("/")[0]
    kind = kind if kind in ("image", "audio", "video") else "file"
    return kind, {f"{kind}Url": files.url_of(stored), "title": stored.name}


@json_view("POST")
def end(request: HttpRequest) -> Json:
    """POST /demo/end: end the chat with the agent."""
    chat.end_by_customer(_required(request))
    return {}


@json_view("POST")
def aside(request: HttpRequest, what: str) -> Json:
    """POST /demo/aside/typing or /demo/aside/read: for the agent to see, or not at all."""
    current = _required(request)
    conversation = current.conversations.get(str(current.sessions))
    if conversation and current.mode == DemoChat.HUMAN and what in ("typing", "read"):
        try:
            bridge.post(f"/conversations/{conversation}/{what}", {}, secrets.token_hex(16))
        except (bridge.UnreachableError, bridge.RefusedError):
            return {}
    return {}


def callback(request: HttpRequest) -> HttpResponse:
    """POST /demo/callback: an event of the bridge. 401 unless signed by it."""
    if request.method != "POST":
        return HttpResponse(status=405)
    event = callbacks.verified(request)
    if event is None:
        return HttpResponse("The signature does not match", status=401)
    if not event.get("id"):
        return HttpResponse("An event needs an id", status=400)
    callbacks.receive(event)
    return HttpResponse(status=204)


def _shown(message: DemoMessage) -> Json:
    payload = message.payload
    items = payload.get("items") if message.type == "bloc" else None
    contents = items or [{"type": message.type, "payload": payload}]
    return {
        "id": message.pk,
        "author": message.author,
        "name": message.name,
        "status": message.status,
        "clientId": message.client_id,
        "contents": [_content(c.get("type", "text"), c.get("payload") or {}) for c in contents],
        "options": [option["label"] for option in payload.get("options", [])],
        "created_at": moment(message.created_at),
    }


def _content(kind: str, payload: Json) -> Json:
    """One thing to show: `kind` text (with clean `html`), or a medium with `url` and `title`."""
    url = payload.get(f"{kind}Url")
    if url:
        return {"kind": kind, "url": str(url), "title": str(payload.get("title") or "")}
    text = str(payload.get("text") or payload.get("markdown") or payload.get("title") or kind)
    return {"kind": "text", "html": clean_html(_markdown(text))}


def _markdown(text: str) -> str:
    """Links, pictures and bold; the little that an agent's message has."""
    found: list[str] = []

    def keep(match: re.Match[str]) -> str:
        label, url = escape(match[2] or match[3]), escape(match[3])
        picture = f'<img src="{url}" alt="{label}">'
        found.append(picture if match[1] else f'<a href="{url}">{label}</a>')
        return f"\x00{len(found) - 1}\x00"

    html = BOLD.sub(r"<b>\1</b>", text_to_html(MARKDOWN_LINK.sub(keep, text)))
    return re.sub(r"\x00(\d+)\x00", lambda m: found[int(m[1])], html)
