"""A small HubSpot behind `responses`; what passes through is held against the vendor's specs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
import responses

from providers.hubspot.api import iso
from tests.providers.contract import VendorDouble
from tests.providers.fakes import START, Clock
from tests.providers.spec import NoSpec, Spec, directory

HOST = "https://api.hubapi.com"
PORTAL, APP, KEY = "4242", "777", "dev-key-0001"
CHANNEL, ACCOUNT = "1001", "2002"
ADA = {
    "id": "A-55",
    "type": "AGENT",
    "name": "Ada",
    "email": "ada@acme.test",
    "avatar": "https://media.example.com/ada.png",
}
INBOXES = [("123", "Support", "HELP_DESK"), ("124", "Sales", "INBOX")]

Json = dict[str, Any]
Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


def description(filename: str) -> Spec:
    """The vendor's description, without the loops in it.

    There, each of several variants is all of a parent that is one of the variants, without end.
    """
    file = directory() / filename
    if not file.is_file():
        return NoSpec()
    document = json.loads(file.read_text(encoding="utf-8"))
    for schema in document["components"]["schemas"].values():
        if "properties" in schema and "allOf" in schema:
            schema["allOf"] = [part for part in schema["allOf"] if "$ref" not in part]
    return Spec(document)


SPECS = {
    "/oauth/2026-03": description("hubspot-oauth-2026-03.json"),
    "/conversations/custom-channels/2026-03": description("hubspot-custom-channels-2026-03.json"),
    "/conversations/conversations/2026-09": description("hubspot-conversations-2026-09.json"),
    "/files/2026-03": description("hubspot-files-2026-03.json"),
    "/conversations/v3/custom-channels": description("hubspot-custom-channels-v3.json"),
}


def error(status: int, category: str, **values: Any) -> Answer:
    """An answer in HubSpot's error format."""
    ids = {"correlationId": "8f9e7a3c-7f0e-4a39-a1d2-5ac0f0d5a1b1"}
    return status, {"status": "error", "message": "no", "category": category, **ids, **values}


class HubSpotDouble(VendorDouble):
    """Channels, channel accounts, threads and files of one portal.

    `ready_after`: seconds until a new channel is usable; `repeats`: what a repeated idempotency
    id gets ("same": the first message again, "conflict": 409, "ignore": a second message).
    """

    def __init__(self, mocked: responses.RequestsMock, clock: Clock, host: str = HOST) -> None:
        self.clock = clock
        self.channels: dict[str, Json] = {}
        self.accounts: dict[str, Json] = {}
        self.threads: dict[str, Json] = {}
        self.history: dict[str, list[Json]] = {}
        self.full_texts: dict[str, str] = {}
        self.files: dict[str, Json] = {}
        self.crm_tickets: dict[str, Json] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.queries: list[dict[str, str]] = []
        self.replies: dict[tuple[str, str], list[Answer]] = {}
        self.granted: Json = {"active": True}
        self.refuse_addresses = False
        self.ready_after = 0.0
        self.page = 100
        self.repeats = "same"
        self._ids: dict[str, str] = {}  # integrationThreadId -> thread id
        self._published: dict[tuple[str, str], Json] = {}
        self._count = 9000
        for method in (responses.GET, responses.POST, responses.PATCH, responses.PUT):
            mocked.add_callback(method, re.compile(re.escape(host)), callback=self._answer)

    # --- for tests -----------------------------------------------------------------------------

    def add_channel(self, url: str, **values: Any) -> str:
        """A channel of the app that is there already."""
        made: Json = {"id": str(self._next()), "name": "Chatbot handoff", "webhookUrl": url}
        made |= {"capabilities": {}, "createdAt": iso(START), "made": START} | values
        self.channels[made["id"]] = made
        return str(made["id"])

    def add_account(self, channel_id: str, inbox_id: str, **values: Any) -> str:
        made: Json = {
            "id": str(self._next()),
            "channelId": channel_id,
            "inboxId": inbox_id,
            "name": "Chatbot handoff",
            "active": True,
            "authorized": True,
            "archived": False,
            "createdAt": self._now(),
        } | values
        self.accounts[made["id"]] = made
        return str(made["id"])

    def reply_once(self, method: str, path: str, answer: Answer) -> None:
        """Answer the next request to `path` (a regular expression) so."""
        self.replies.setdefault((method, path), []).append(answer)

    def sent(self, method: str, path: str) -> list[Any]:
        """The bodies of the requests to `path` (a regular expression)."""
        return [b for m, p, b in self.requests if m == method and re.fullmatch(path, p)]

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]

    def record(self, thread_id: str, kind: str, **values: Any) -> Json:
        """Put something on the thread; Ada's unless the values say otherwise."""
        made = {
            "id": f"m-{self._next()}",
            "type": kind,
            "conversationsThreadId": thread_id,
            "createdAt": self._now(),
            "createdBy": "A-55",
            "client": {"clientType": "HUBSPOT"},
            "senders": [],
            "recipients": [],
            "archived": False,
        } | values
        self.history[thread_id].append(made)
        return made

    def agent_says(self, thread_id: str, text: str, **values: Any) -> Json:
        """Ada's answer on our channel."""
        said = {
            "channelId": CHANNEL,
            "channelAccountId": ACCOUNT,
            "direction": "OUTGOING",
            "senders": [{"actorId": "A-55", "name": "Ada"}],
            "recipients": [],
            "text": text,
            "richText": f"<p>{text}</p>",
            "truncationStatus": "NOT_TRUNCATED",
            "status": {"statusType": "SENT"},
            "attachments": [],
        }
        return self.record(thread_id, "MESSAGE", **(said | values))

    def channel_webhook(self, message: Json) -> bytes:
        event = {
            "type": "OUTGOING_CHANNEL_MESSAGE_CREATED",
            "portalId": PORTAL,
            "channelId": CHANNEL,
            "eventId": f"e-{self._next()}",
            "eventTimestamp": self._now(),
            "channelIntegrationThreadIds": list(self._ids),
            "message": message,
        }
        return json.dumps(event, ensure_ascii=False).encode()

    def subscription_webhook(self, thread_id: str, name: str, value: str) -> bytes:
        event = {
            "eventId": 1,
            "subscriptionId": 90,
            "portalId": int(PORTAL),
            "appId": int(APP),
            "occurredAt": int(self.clock().timestamp() * 1000),
            "subscriptionType": "conversation.propertyChange",
            "attemptNumber": 0,
            "objectId": int(thread_id),
            "propertyName": name,
            "propertyValue": value,
            "changeSource": "CRM",
        }
        return json.dumps([event]).encode()

    def tickets(self) -> list[str]:
        return list(self.threads)

    def shown(self, remote_id: str) -> list[str]:
        lines = []
        for message in self.history[remote_id]:
            files = [
                self.files[one["fileId"]]["name"]
                for one in message.get("attachments", [])
                if one["type"] == "FILE" and one["fileId"] in self.files
            ]
            lines.append("\n".join([message.get("text", ""), *files]))
        return lines

    def closed(self, remote_id: str) -> bool:
        return bool(self.threads[remote_id]["status"] == "CLOSED")

    def drop(self, remote_id: str) -> None:
        del self.threads[remote_id]
        self._ids = {key: value for key, value in self._ids.items() if value != remote_id}

    def agent_works(self, remote_id: str) -> list[bytes]:
        self.threads[remote_id]["assignedTo"] = "A-55"
        self.record(remote_id, "ASSIGNMENT", assignedTo="A-55", createdBy="S-hubspot")
        taken = self.subscription_webhook(remote_id, "assignedTo", "55")
        said = self.agent_says(remote_id, "Hi <b>Ana</b>")
        self.record(remote_id, "COMMENT", text="He is difficult", richText="", attachments=[])
        self.threads[remote_id] |= {"status": "CLOSED", "closedAt": self._now()}
        self.record(remote_id, "THREAD_STATUS_CHANGE", newStatus="CLOSED")
        done = self.subscription_webhook(remote_id, "status", "CLOSED")
        return [taken, self.channel_webhook(said), done]

    # --- the API -------------------------------------------------------------------------------

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        parts = urlsplit(request.url or "")
        path, method = unquote(parts.path), request.method or ""
        self.queries.append(dict(parse_qsl(parts.query)))
        body = self._body(request)
        self.requests.append((method, path, body))
        self.headers.append(dict(request.headers))
        spec = next((one for prefix, one in SPECS.items() if path.startswith(prefix)), None)
        if spec:
            _check_request(spec, method, path, request, body)
        prepared = self._prepared(method, path)
        status, answer, *headers = prepared or self._route(method, path, body)
        if spec and not prepared and status < 300:
            spec.check_response(method, path, status, _described(answer))
        content = "" if answer is None else json.dumps(answer, default=str)
        return status, headers[0] if headers else {}, content

    def _body(self, request: requests.PreparedRequest) -> Any:
        raw, kind = request.body or b"", str(request.headers.get("Content-Type", ""))
        text = raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
        if kind.startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(text))
        if kind.startswith("multipart/form-data"):
            names = r'name="([^"]+)"(?:; filename="([^"]*)")?\r\n(?:Content-Type: [^\r]+\r\n)?\r\n'
            found = re.split(names, text)[1:]
            return {
                name: (filename or "") + "|" + value.partition("\r\n--")[0]
                for name, filename, value in zip(found[::3], found[1::3], found[2::3], strict=True)
            }
        return json.loads(text) if text else None

    def _prepared(self, method: str, path: str) -> Answer | None:
        for (wanted, pattern), answers in self.replies.items():
            if answers and wanted == method and re.fullmatch(pattern, path):
                return answers.pop(0)
        return None

    def _route(self, method: str, path: str, body: Any) -> Answer:
        for wanted, pattern, handler in self._routes():
            found = re.fullmatch(pattern, path)
            if found and wanted == method:
                return handler(*found.groups(), *([body] if body is not None else []))
        return error(404, "OBJECT_NOT_FOUND")

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        oauth, files = r"/oauth/(?:2026-03|v1|v3)", r"/files/(?:2026-03|v3)/files"
        cc = "(?:/conversations/custom-channels/2026-03|/conversations/v3/custom-channels)"
        cv = "(?:/conversations/conversations/(?:2026-09|v3)|/conversations/v3/conversations)"
        return [
            ("POST", f"{oauth}/token", self._token),
            ("POST", f"{oauth}/token/introspect", lambda _: (200, self._info())),
            ("GET", "/oauth/v1/access-tokens/(.+)", lambda _: (200, self._info())),
            ("GET", cc, lambda: self._list(list(self.channels.values()))),
            ("POST", cc, self._create_channel),
            ("GET", f"{cc}/([^/]+)", self._channel),
            ("PATCH", f"{cc}/([^/]+)", self._patch_channel),
            ("GET", f"{cc}/([^/]+)/channel-accounts", self._list_accounts),
            ("POST", f"{cc}/([^/]+)/channel-accounts", self._connect),
            ("PATCH", f"{cc}/([^/]+)/channel-accounts/([^/]+)", self._patch_account),
            ("POST", f"{cc}/([^/]+)/messages", self._publish),
            ("PATCH", f"{cc}/([^/]+)/messages/([^/]+)", self._patch_message),
            ("GET", f"{cv}/inboxes", lambda: self._list(_inboxes())),
            ("GET", f"{cv}/actors/([^/]+)", self._actor),
            ("GET", f"{cv}/threads", lambda: self._list(list(self.threads.values()))),
            ("GET", f"{cv}/threads/([^/]+)", self._thread),
            ("PATCH", f"{cv}/threads/([^/]+)", self._patch_thread),
            ("PUT", f"{cv}/threads/([^/]+)/assignee", self._assign),
            ("GET", f"{cv}/threads/([^/]+)/messages", self._messages),
            ("POST", f"{cv}/threads/([^/]+)/messages", self._comment),
            ("GET", f"{cv}/threads/([^/]+)/messages/([^/]+)/original-content", self._original),
            ("POST", files, self._upload),
            ("GET", f"{files}/([^/]+)/signed-url", self._sign),
            ("PATCH", "/crm/objects/2026-03/tickets/(.+)", self._patch_ticket),
        ]

    def _token(self, form: Json) -> Answer:
        if form.get("refresh_token") == "revoked":
            refusal = {"error": "invalid_grant", "error_description": "no", "message": "no"}
            return 400, {**refusal, "status": "BAD_REFRESH_TOKEN"}
        granted = {"token_type": "bearer", "access_token": "a1", "refresh_token": "r1"}
        return 200, {**granted, "expires_in": 1800, "hub_id": 4242, "token_use": "access_token"}

    def _info(self) -> Json:
        signed = {
            "appId": 777,
            "appInstallId": "i",
            "audience": "a",
            "expiresAt": 1,
            "hubId": 4242,
            "hublet": "na1",
            "installingUserId": 55,
            "isPrivateDistribution": False,
            "isServiceAccount": False,
            "isUserLevel": False,
            "newSignature": "s",
            "scopeToScopeGroupPks": "",
            "scopes": "",
            "signature": "s",
            "trialScopeToScopeGroupPks": "",
            "trialScopes": "",
            "userId": 55,
        }
        return {
            "client_id": "cid",
            "token": "t",
            "token_type": "bearer",
            "token_use": "access_token",
            "expires_in": 1700,
            "hub_id": 4242,
            "app_id": 777,
            "user_id": 55,
            "user": "op@acme.test",
            "hub_domain": "acme.test",
            "is_private_distribution": False,
            "scopes": ["oauth", "conversations.read"],
            "signed_access_token": signed,
        } | self.granted

    def _list(self, rows: list[Json]) -> Answer:
        """One page; the cursor is the place of the next row."""
        first = int(self.queries[-1].get("after", "0"))
        last = first + self.page
        paging = {"next": {"after": str(last)}} if last < len(rows) else None
        body: Json = {"total": len(rows), "results": rows[first:last]}
        return 200, body | ({"paging": paging} if paging else {})

    def _by_developer(self) -> bool:
        return self.queries[-1].get("hapikey") == KEY and self.queries[-1].get("appId") == APP

    def _create_channel(self, body: Json) -> Answer:
        if not self._by_developer():
            return error(401, "INVALID_AUTHENTICATION")
        channel_id = self.add_channel("", **body, createdAt=self._now(), made=self.clock())
        return 201, self.channels[channel_id]

    def _channel(self, channel_id: str) -> Answer:
        if channel_id not in self.channels:
            return error(404, "OBJECT_NOT_FOUND")
        return 200, self.channels[channel_id]

    def _patch_channel(self, channel_id: str, body: Json) -> Answer:
        self.channels[channel_id] |= body
        return 200, self.channels[channel_id]

    def _usable(self, channel_id: str) -> bool:
        channel = self.channels.get(channel_id)
        if channel is None:
            return False
        made: datetime = channel["made"]
        return bool((self.clock() - made).total_seconds() >= self.ready_after)

    def _list_accounts(self, channel_id: str) -> Answer:
        if not self._usable(channel_id):
            return error(404, "OBJECT_NOT_FOUND")
        return self._list([a for a in self.accounts.values() if a["channelId"] == channel_id])

    def _connect(self, channel_id: str, body: Json) -> Answer:
        if not self._usable(channel_id):
            return error(404, "OBJECT_NOT_FOUND")
        return 201, self.accounts[self._add_account(channel_id, body)]

    def _add_account(self, channel_id: str, body: Json) -> str:
        return self.add_account(channel_id, body["inboxId"], **_without(body, "inboxId"))

    def _patch_account(self, _channel_id: str, account_id: str, body: Json) -> Answer:
        if account_id not in self.accounts:
            return error(404, "OBJECT_NOT_FOUND")
        self.accounts[account_id] |= body
        return 200, self.accounts[account_id]

    def _publish(self, channel_id: str, body: Json) -> Answer:
        account = self.accounts.get(body["channelAccountId"])
        if channel_id not in self.channels or account is None:
            return error(404, "OBJECT_NOT_FOUND")
        [sender] = body["senders"]
        if self.refuse_addresses and sender["deliveryIdentifier"]["type"].startswith("HS_"):
            return error(400, "VALIDATION_ERROR")
        key = (body["channelAccountId"], body["integrationIdempotencyId"])
        if key in self._published and self.repeats == "conflict":
            return error(409, "CONFLICT")
        if key in self._published and self.repeats == "same":
            return 201, self._published[key]
        thread_id = self._ids.get(body["integrationThreadId"]) or self._new_thread(body, account)
        copied = {name: body[name] for name in ("text", "richText", "attachments", "recipients")}
        made = self.record(
            thread_id,
            "MESSAGE",
            **copied,
            senders=[{**sender, "actorId": "V-501"}],
            createdBy="V-501",
            direction="INCOMING",
            channelId=channel_id,
            channelAccountId=account["id"],
            truncationStatus="NOT_TRUNCATED",
            createdAt=body["timestamp"],
        )
        made["attachments"] = [_filed(one) for one in made["attachments"]]
        self._published[key] = made
        return 201, made

    def _new_thread(self, body: Json, account: Json) -> str:
        thread_id = str(self._next())
        self._ids[body["integrationThreadId"]] = thread_id
        self.history[thread_id] = []
        self.threads[thread_id] = {
            "id": thread_id,
            "status": "OPEN",
            "archived": False,
            "associatedContactId": "501",
            "createdAt": self._now(),
            "inboxId": account["inboxId"],
            "originalChannelAccountId": account["id"],
            "originalChannelId": account["channelId"],
            "spam": False,
        }
        return thread_id

    def _thread(self, thread_id: str) -> Answer:
        if thread_id not in self.threads:
            return error(404, "OBJECT_NOT_FOUND")
        return 200, self.threads[thread_id]

    def _patch_thread(self, thread_id: str, body: Json) -> Answer:
        if thread_id in self.threads:
            self.threads[thread_id] |= body
        return self._thread(thread_id)

    def _assign(self, thread_id: str, body: Json) -> Answer:
        if body["actorId"] != ADA["id"]:
            return error(400, "VALIDATION_ERROR")
        self.threads[thread_id]["assignedTo"] = body["actorId"]
        return self._thread(thread_id)

    def _patch_message(self, _channel_id: str, message_id: str, body: Json) -> Answer:
        for message in (one for thread in self.history.values() for one in thread):
            if message["id"] == message_id:
                message["status"] = body
                return 200, message
        return error(404, "OBJECT_NOT_FOUND")

    def _messages(self, thread_id: str) -> Answer:
        if thread_id not in self.threads:
            return error(404, "OBJECT_NOT_FOUND")
        return self._list(self.history[thread_id])

    def _comment(self, thread_id: str, body: Json) -> Answer:
        if thread_id not in self.threads:
            return error(404, "OBJECT_NOT_FOUND")
        made = self.record(thread_id, "COMMENT", **_without(body, "type"), createdBy=f"I-{APP}")
        made["attachments"] = [_filed(one) for one in made["attachments"]]
        return 201, made

    def _original(self, _thread_id: str, message_id: str) -> Answer:
        return 200, {"text": self.full_texts[message_id]}

    def _actor(self, actor_id: str) -> Answer:
        return (200, ADA) if actor_id == ADA["id"] else error(404, "OBJECT_NOT_FOUND")

    def _upload(self, form: Json) -> Answer:
        file_id, name = str(self._next()), form["file"].partition("|")[0]
        now = self._now()
        self.files[file_id] = {"id": file_id, "name": name, "form": form}
        return 201, {"id": file_id, "archived": False, "createdAt": now, "updatedAt": now}

    def _sign(self, file_id: str) -> Answer:
        if file_id not in self.files:
            return error(404, "OBJECT_NOT_FOUND")
        return 200, {"url": f"https://media.example.com/signed/{file_id}", "expiresAt": self._now()}

    def _patch_ticket(self, ticket_id: str, body: Json) -> Answer:
        self.crm_tickets[ticket_id] = body["properties"]
        return 200, {"id": ticket_id, "properties": body["properties"]}

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _now(self) -> str:
        return iso(self.clock())


def _inboxes() -> list[Json]:
    dates = {"createdAt": iso(START), "updatedAt": iso(START), "archived": False}
    return [{"id": id_, "name": name, "type": type_, **dates} for id_, name, type_ in INBOXES]


def _filed(attachment: Json) -> Json:
    return {"fileUsageType": "OTHER", **attachment} if attachment["type"] == "FILE" else attachment


def _without(body: Json, *names: str) -> Json:
    return {name: value for name, value in body.items() if name not in names}


def _check_request(
    spec: Spec, method: str, path: str, request: requests.PreparedRequest, body: Any
) -> None:
    """The body against the description, but for what that types wrongly: see the fact sheet."""
    is_json = str(request.headers.get("Content-Type", "")).startswith("application/json")
    channel = re.fullmatch(r".+/custom-channels(?:/2026-03)?(?:/\d+)?", path)
    if channel and method in ("POST", "PATCH"):
        return
    spec.check_request(method, path, body if is_json else None)


def _described(answer: Any) -> Any:
    """The answer without what the description types wrongly, or what is the double's own."""
    if isinstance(answer, dict) and "results" in answer:
        return {**answer, "results": [_described(one) for one in answer["results"]]}
    if isinstance(answer, dict) and "capabilities" in answer:
        return {**_without(answer, "made"), "capabilities": {}}
    return answer
