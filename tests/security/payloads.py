"""Texts that would run in a browser if some page forgot to escape them, and who says them.

Each calls `fired`, which the test's browser counts, from a place of its own: an element, an
attribute, an address, an expression of Alpine's or htmx's, which the admin's theme is built on.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAYLOADS = (
    "<script>fired()</script>",
    "</script><script>fired()</script>",
    "<ScRiPt>fired()</sCrIpT>",
    "<script src=data:text/javascript,fired()></script>",
    "<img src=x onerror=fired()>",
    '<img src="x:x" onerror="fired()">',
    "<svg onload=fired()>",
    "<svg><script>fired()</script></svg>",
    "<svg><animate onbegin=fired() attributeName=x dur=1s>",
    "<body onload=fired()>",
    "<details open ontoggle=fired()>",
    "<video><source onerror=fired()></video>",
    "<input autofocus onfocus=fired()>",
    "<iframe srcdoc='<script>parent.fired()</script>'></iframe>",
    "<iframe src=javascript:parent.fired()></iframe>",
    "<object data=javascript:fired()></object>",
    "<form><button autofocus formaction=javascript:fired()>x</button></form>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=fired()>",
    "<style>@import 'javascript:fired()';</style>",
    "<meta http-equiv=refresh content='0;url=javascript:fired()'>",
    "<base href=javascript:fired()//>",
    "<div x-data x-init=fired()></div>",
    '<div x-data="{a: fired()}"></div>',
    "<p x-html=\"'<img src=x onerror=fired()>'\" x-data></p>",
    '<div hx-get=/ hx-trigger=load hx-on::before-request="fired()"></div>',
    '"><img src=x onerror=fired()>',
    "'><img src=x onerror=fired()>",
    '" autofocus onfocus="fired()',
    "' x-init='fired()' x-data='",
    '" x-data x-init="fired()" y="',
    "--><img src=x onerror=fired()><!--",
    "]]><img src=x onerror=fired()>",
    "</textarea><img src=x onerror=fired()>",
    "</title><img src=x onerror=fired()>",
    "{{constructor.constructor('fired()')()}}",
    "${fired()}`+fired()+`",
    "javascript:fired()",
    "[click](javascript:fired())",
    '![x](x" onerror="fired())',
    "\\u003cimg src=x onerror=fired()\\u003e",
    "&lt;img src=x onerror=fired()&gt;",
    "&#60;img src=x onerror=fired()&#62;",
)

VENDORS = Path(__file__).parent.parent / "providers" / "payloads"
Says = Callable[[str, int], dict[str, Any]]


def _load(name: str) -> Any:
    return json.loads((VENDORS / name).read_text())


def intercom(text: str, number: int) -> dict[str, Any]:
    """An agent's reply, as HTML, by an agent of that name."""
    told = _load("intercom/admin_replied.json")
    told["id"] = f"notif_{number}"
    part = told["data"]["item"]["conversation_parts"]["conversation_parts"][0]
    part |= {"id": str(number), "body": f"<p>Hi {text}</p>", "attachments": []}
    part["author"] |= {"id": str(800000 + number), "name": text, "email": f"{text}@x.test"}
    return copy.deepcopy(told)


def hubspot(text: str, number: int) -> dict[str, Any]:
    """Likewise."""
    told: dict[str, Any] = _load("hubspot/agent_message.json")
    told |= {"eventId": f"e-{number}"}
    told["message"] |= {"id": f"m-{number}", "text": text, "richText": f"<div>{text}</div>"}
    told["message"]["createdBy"] = f"A-{number}"
    told["message"]["senders"] = [{"actorId": f"A-{number}", "name": text}]
    return told


def livechat(text: str, number: int) -> dict[str, Any]:
    """Its webhooks name the agent by an id alone."""
    told: dict[str, Any] = _load("livechat/incoming_event.json")
    event = told["payload"]["event"]
    event |= {"id": f"K600PKZON8_{number}", "text": text, "author_id": f"agent{number}@example.com"}
    told["additional_data"]["chat_presence_user_ids"][0] = event["author_id"]
    return told


def zoho(text: str, number: int) -> dict[str, Any]:
    """An operator's reply."""
    told: dict[str, Any] = _load("zoho/operator_replied.json")
    told["entity"]["message"] |= {"msgid": f"17640000{number}_1", "text": text}
    told["entity"]["message"]["sender"] |= {"id": str(number), "name": text}
    return told


AGENTS: dict[str, Says] = {
    "intercom": intercom, "hubspot": hubspot, "livechat": livechat, "zoho": zoho,
}  # fmt: skip
