"""A small Intercom behind `responses`; what passes through is held against the vendor's spec."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import responses

from tests.providers.contract import VendorDouble
from tests.providers.fakes import Clock
from tests.providers.spec import load

HOST = "https://api.intercom.io"
SPEC = load("intercom-2.16.yaml")
APP = {"type": "app", "id_code": "abc123de", "name": "Acme", "region": "US"}
RUI = {
    "type": "admin",
    "id": "814860",
    "name": "Rui",
    "email": "rui@acme.test",
    "has_inbox_seat": True,
    "away_mode_enabled": False,
    "avatar": "https://media.example.com/rui.png",
}
MAYA = RUI | {"id": "814861", "name": "Maya", "email": "maya@acme.test", "away_mode_enabled": True}
OPERATOR = RUI | {"id": "814869", "name": "Fin", "email": "operator+abc123de@intercom.io"}
TEAMS = [
    {"type": "team", "id": "814865", "name": "Support", "admin_ids": [814860, 814861]},
    {"type": "team", "id": "814866", "name": "Billing", "admin_ids": [814861]},
]

Json = dict[str, Any]
Answer = tuple[int, Json] | tuple[int, Json, dict[str, str]]


def error(status: int, code: str, message: str = "", field: str | None = None) -> Answer:
    """An answer in Intercom's error format."""
    listed = {"code": code, "message": message or code, "field": field}
    return status, {"type": "error.list", "request_id": None, "errors": [listed]}


class IntercomDouble(VendorDouble):
    """Contacts, conversations and parts; `search_lag` seconds until a search finds new ones."""

    def __init__(self, mocked: responses.RequestsMock, clock: Clock, host: str = HOST) -> None:
        self.clock = clock
        self.contacts: dict[str, Json] = {}
        self.conversations: dict[str, Json] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.search_lag = 0.0
        self.replies: dict[tuple[str, str], list[Answer]] = {}
        self._count = 4000
        for method in (responses.GET, responses.POST, responses.PUT):
            mocked.add_callback(method, re.compile(re.escape(host)), callback=self._answer)

    # --- for tests -----------------------------------------------------------------------------

    def reply_once(self, method: str, path: str, answer: Answer) -> None:
        """Answer the next request to `path` (a regular expression) so."""
        self.replies.setdefault((method, path), []).append(answer)

    def sent(self, method: str, path: str) -> list[Any]:
        """The bodies of the requests to `path` (a regular expression)."""
        return [b for m, p, b in self.requests if m == method and re.fullmatch(path, p)]

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]

    def add_contact(self, **values: Any) -> str:
        contact_id = f"{self._next():024x}"
        contact = {"type": "contact", "id": contact_id, "role": "user", "archived": False}
        self.contacts[contact_id] = contact | values
        return contact_id

    def part(self, remote_id: str, kind: str, body: str | None, **values: Any) -> Json:
        """Add a part; Rui's unless the values say otherwise."""
        made = {
            "type": "conversation_part",
            "id": str(self._next()),
            "part_type": kind,
            "body": body,
            "created_at": self._time(),
            "assigned_to": None,
            "author": {k: RUI[k] for k in ("type", "id", "name", "email")},
            "attachments": [],
            "redacted": False,
            "app_package_code": None,
        } | values
        conversation = self.conversations[remote_id]
        conversation["conversation_parts"]["conversation_parts"].append(made)
        conversation["updated_at"] = self._time()
        return made

    def webhook(self, remote_id: str, topic: str, *parts: Json) -> bytes:
        """The body of the notification about these parts."""
        item = {
            **self.conversations[remote_id],
            "conversation_parts": {"conversation_parts": list(parts)},
        }
        envelope = {
            "type": "notification_event",
            "app_id": "abc123de",
            "id": f"notif_{self._next()}",
            "topic": topic,
            "created_at": self._time(),
            "data": {"type": "notification_event_data", "item": item},
        }
        return json.dumps(envelope, ensure_ascii=False).encode()

    def tickets(self) -> list[str]:
        return list(self.conversations)

    def shown(self, remote_id: str) -> list[str]:
        conversation = self.conversations[remote_id]
        texts = [conversation["source"]["body"]]
        for part in conversation["conversation_parts"]["conversation_parts"]:
            names = [f"{one['name']} {one['url']}" for one in part["attachments"]]
            texts.append("\n".join([part["body"] or "", *names]))
        return texts

    def closed(self, remote_id: str) -> bool:
        return bool(self.conversations[remote_id]["state"] == "closed")

    def drop(self, remote_id: str) -> None:
        del self.conversations[remote_id]

    def agent_works(self, remote_id: str) -> list[bytes]:
        to_rui = {"type": "admin", "id": "814860"}
        taken = self.part(remote_id, "assignment", None, assigned_to=to_rui)
        bodies = [self.webhook(remote_id, "conversation.admin.assigned", taken)]
        said = self.part(remote_id, "comment", "<p>Hi <b>Ana</b></p>")
        bodies.append(self.webhook(remote_id, "conversation.admin.replied", said))
        self.part(remote_id, "note", "<p>He is difficult</p>")
        self.conversations[remote_id]["state"] = "closed"
        done = self.part(remote_id, "close", "<p>All done</p>")
        return [*bodies, self.webhook(remote_id, "conversation.admin.closed", done)]

    # --- the API -------------------------------------------------------------------------------

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        parts = urlsplit(request.url or "")
        path, method = parts.path, request.method or ""
        raw = request.body or b""
        body = json.loads(raw) if raw and path != "/auth/eagle/token" else None
        self.requests.append((method, path, body))
        self.headers.append(dict(request.headers))
        if path == "/auth/eagle/token":
            return 200, {}, json.dumps({"token_type": "Bearer", "token": "t", "access_token": "t"})
        SPEC.check_request(method, path, body)
        status, answer, *headers = self._prepared(method, path) or self._route(method, path, body)
        SPEC.check_response(method, path, status, answer)
        return status, headers[0] if headers else {}, json.dumps(answer)

    def _prepared(self, method: str, path: str) -> Answer | None:
        for (wanted, pattern), answers in self.replies.items():
            if answers and wanted == method and re.fullmatch(pattern, path):
                return answers.pop(0)
        return None

    def _route(self, method: str, path: str, body: Any) -> Answer:
        for wanted, pattern, handler in self._routes():
            found = re.fullmatch(pattern, path)
            if found and wanted == method:
                return handler(*map(unquote, found.groups()), *([body] if body else []))
        return error(404, "not_found", "Resource Not Found")

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("GET", "/me", lambda: (200, {**RUI, "avatar": {"image_url": None}, "app": APP})),
            (
                "GET",
                "/admins",
                lambda: (200, {"type": "admin.list", "admins": [RUI, MAYA, OPERATOR]}),
            ),
            ("GET", "/admins/(.+)", self._admin),
            ("GET", "/teams", lambda: (200, {"type": "team.list", "teams": TEAMS})),
            ("GET", "/teams/(.+)", self._team),
            ("GET", "/contacts/find_by_external_id/(.+)", self._by_external_id),
            ("POST", "/contacts/search", self._search_contacts),
            ("POST", "/contacts/(.+)/unarchive", self._unarchive),
            ("GET", "/contacts/(.+)", self._contact),
            ("POST", "/contacts", self._create_contact),
            ("POST", "/conversations/search", self._search),
            ("POST", "/conversations", self._create),
            ("GET", "/conversations/([^/]+)", self._show),
            ("PUT", "/conversations/([^/]+)", self._update),
            ("POST", "/conversations/([^/]+)/reply", self._reply),
            ("POST", "/conversations/([^/]+)/parts", self._manage),
        ]

    def _admin(self, admin_id: str) -> Answer:
        for admin in (RUI, MAYA, OPERATOR):
            if admin["id"] == admin_id:
                return 200, admin
        return error(404, "admin_not_found", "Admin not found")

    def _team(self, team_id: str) -> Answer:
        for team in TEAMS:
            if team["id"] == team_id:
                return 200, team
        return error(404, "team_not_found", "Team not found")

    def _contact(self, contact_id: str) -> Answer:
        contact = self.contacts.get(contact_id)
        if contact is None:
            return error(404, "not_found", "User Not Found")
        if into := contact.get("merged_into"):
            status, body = error(410, "contact_merged")[:2]
            return status, body, {"Link": f'</contacts/{into}>; rel="canonical"'}
        return 200, contact

    def _by_external_id(self, external_id: str) -> Answer:
        for contact in self.contacts.values():
            if contact.get("external_id") == external_id and not contact["archived"]:
                return self._contact(contact["id"])
        return error(404, "not_found", "User Not Found")

    def _search_contacts(self, body: Json) -> Answer:
        [wanted] = body["query"]["value"]
        found = [c for c in self.contacts.values() if c.get(wanted["field"]) == wanted["value"]]
        return 200, {"type": "list", "data": found, "total_count": len(found)}

    def _unarchive(self, contact_id: str) -> Answer:
        self.contacts[contact_id]["archived"] = False
        return 200, {"type": "contact", "id": contact_id, "archived": False}

    def _create_contact(self, body: Json) -> Answer:
        for contact in self.contacts.values():
            same = contact.get("external_id") == body["external_id"]
            alike = body.get("email") and contact.get("email") == body["email"]
            if same or (alike and not contact.get("external_id")):
                kind = "An archived contact" if contact["archived"] else "A contact"
                text = f"{kind} matching those details already exists with id={contact['id']}"
                return error(409, "conflict", text)
        given = {k: v for k, v in body.items() if k not in ("role", "avatar")}
        return 200, self.contacts[self.add_contact(**given)]

    def _create(self, body: Json) -> Answer:
        contact = self.contacts.get(body["from"]["id"])
        if contact is None or contact.get("merged_into"):
            return error(404, "not_found", "User Not Found")
        remote_id, message_id = str(self._next()), str(self._next())
        self.conversations[remote_id] = {
            "type": "conversation",
            "id": remote_id,
            "created_at": self._time(),
            "updated_at": self._time(),
            "state": "open",
            "source": {"type": "conversation", "id": message_id, "body": _html(body["body"])},
            "contacts": {
                "type": "contact.list",
                "contacts": [{"type": "contact", "id": contact["id"]}],
            },
            "conversation_parts": {"type": "conversation_part.list", "conversation_parts": []},
        }
        return 200, {
            "type": "user_message",
            "id": message_id,
            "created_at": self._time(),
            "body": body["body"],
            "message_type": "inapp",
            "conversation_id": remote_id,
        }

    def _search(self, body: Json) -> Answer:
        wanted = {one["field"]: one["value"] for one in body["query"]["value"]}
        found = [
            {k: v for k, v in one.items() if k != "conversation_parts"}
            for one in self.conversations.values()
            if one["contacts"]["contacts"][0]["id"] == wanted["contact_ids"]
            and one["created_at"] > wanted["created_at"]
            and one["created_at"] + self.search_lag <= self._time()
        ]
        return 200, {"type": "conversation.list", "conversations": found}

    def _show(self, remote_id: str) -> Answer:
        if remote_id not in self.conversations:
            return error(404, "not_found", "Resource Not Found")
        return 200, self.conversations[remote_id]

    def _update(self, remote_id: str, body: Json) -> Answer:
        if remote_id in self.conversations:
            self.conversations[remote_id] |= body
        return self._show(remote_id)

    def _reply(self, remote_id: str, body: Json) -> Answer:
        if remote_id not in self.conversations:
            return error(404, "not_found", "Resource Not Found")
        attachments = [
            {"type": "upload", "name": url.rsplit("/", 1)[-1], "url": url}
            for url in body.get("attachment_urls", [])
        ] + [
            {"type": "upload", "name": one["name"], "url": "https://downloads.intercomcdn.com/1"}
            for one in body.get("attachment_files", [])
        ]
        made: Json = {"attachments": attachments, "app_package_code": "hitl-bridge"}
        if body["message_type"] == "note":
            if body["admin_id"] not in ("814860", "814861"):
                return error(404, "admin_not_found", "Admin not found")
            self.part(remote_id, "note", body["body"], **made)
            return self._show(remote_id)
        contact = self.contacts.get(body["intercom_user_id"])
        if contact is None or contact.get("merged_into"):
            return error(404, "not_found", "User Not Found")
        made["author"] = {"type": "user", "id": contact["id"], "name": "Ana"}
        self.part(remote_id, "comment", _html(body["body"]), **made)
        return self._show(remote_id)

    def _manage(self, remote_id: str, body: Json) -> Answer:
        if remote_id not in self.conversations:
            return error(404, "not_found", "Resource Not Found")
        if body["message_type"] == "close":
            self.conversations[remote_id]["state"] = "closed"
            self.part(remote_id, "close", None, app_package_code="hitl-bridge")
            return self._show(remote_id)
        if body["message_type"] == "open":
            self.conversations[remote_id]["state"] = "open"
            self.part(remote_id, "open", None, app_package_code="hitl-bridge")
            return self._show(remote_id)
        known = [RUI, MAYA] if body["type"] == "admin" else TEAMS
        if body["assignee_id"] not in {one["id"] for one in known}:
            return error(404, "assignee_not_found", "Assignee not found")
        to = {"type": body["type"], "id": body["assignee_id"]}
        self.part(remote_id, "assignment", None, assigned_to=to, app_package_code="hitl-bridge")
        return self._show(remote_id)

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _time(self) -> int:
        return int(self.clock().timestamp())


def _html(text: str) -> str:
    """As Intercom keeps a plain text."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "<p>" + escaped.replace("\n", "<br>") + "</p>"
