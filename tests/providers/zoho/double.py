"""A small SalesIQ behind `responses`: chats, messages, webhooks, operators, an accounts server."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import requests
import responses

from providers.zoho import Zoho
from providers.zoho.models import to_ms
from tests.providers.contract import VendorDouble
from tests.providers.fakes import Clock, FakeJournal, FaultyHttp, make_connection
from tests.providers.zoho.keys import bare

HOST = "https://salesiq.zoho.com"
ACCOUNTS = "https://accounts.zoho.com"
SETTINGS = {
    "data_center": "us",
    "screen_name": "acme",
    "app_id": "633802238",
    "department_id": "633802024",
    "allowed_departments": "633802025, 633802026",
    "wait_time": "240",
}
CREDENTIALS = {
    "client_id": "1000.CLIENT",
    "client_secret": "s3cr3t-test-only",
    "refresh_token": "1000.org-refresh-test-only",
}
PAT = {"id": "633801", "name": "Pat", "email": "p@acme.test", "is_bot": False}
SAM = {"id": "633802", "name": "Sam", "email": "s@acme.test", "is_bot": False}

Json = dict[str, Any]
Answer = tuple[int, Any]


def error(code: int, status: int = 200, **about: str) -> Answer:
    """A refusal in Zoho's format; it comes with any status."""
    return status, {"error": {"code": code, "message": "said by Zoho", **about}}


class ZohoDouble(VendorDouble):
    """`replies` stand in for the next answers; `user_only` names paths that refuse org tokens."""

    def __init__(self, mocked: responses.RequestsMock, clock: Clock) -> None:
        self.clock = clock
        self.chats: dict[str, Json] = {}
        self.webhooks: dict[str, Json] = {}
        self.files: dict[str, tuple[bytes, str]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.tokens: list[str] = []
        self.replies: dict[tuple[str, str], list[Answer]] = {}
        self.user_only = ""
        self.refreshes: list[Json] = []
        self.token_answers: list[Answer] = []
        self.operators: list[Json] = []
        self.answers_without_ids = False
        self._count = 4000
        for method in (responses.GET, responses.POST, responses.PUT, responses.DELETE):
            mocked.add_callback(method, re.compile(re.escape(HOST)), callback=self._answer)
        mocked.add_callback(
            responses.POST, re.compile(re.escape(ACCOUNTS)), callback=self._accounts
        )

    # --- for tests -----------------------------------------------------------------------------

    def reply_once(self, method: str, path: str, answer: Answer) -> None:
        """Answer the next request to `path` (a regular expression) so."""
        self.replies.setdefault((method, path), []).append(answer)

    def sent(self, method: str, path: str) -> list[Any]:
        """The bodies of the requests to `path` (a regular expression)."""
        return [b for m, p, b in self.requests if m == method and re.fullmatch(path, p)]

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]

    def say(self, remote_id: str, sender: Json, text: str | None, **values: Any) -> Json:
        """Add a message to a chat."""
        chat = self.chats[remote_id]
        number = len(chat["messages"]) + 1
        self.clock.advance(0.001)
        made: Json = {
            "id": f"{self._now()}_{number}",
            "sequence_id": str(number),
            "sender": {"id": sender["id"], "name": sender["name"]},
            "type": "text",
            "message": {} if text is None else {"text": text},
            "time": self._now(),
            "meta": {},
        } | values
        chat["messages"].append(made)
        chat["last_modified_time"] = self._now()
        return made

    def take(self, remote_id: str, who: Json = PAT) -> None:
        """An operator picks the chat up."""
        self.clock.advance(1)
        chat = self.chats[remote_id]
        chat |= {"owner": who, "attender": who, "attended_time": self._now()}
        chat["chat_status"] = {"state_key": "connected", "status_key": "open", "state": 2}

    def end(self, remote_id: str, **values: Any) -> None:
        """The chat ends."""
        self.clock.advance(1)
        chat = self.chats[remote_id]
        chat |= {"end_time": self._now(), "last_modified_time": self._now()} | values
        chat["chat_status"] = {
            "state_key": "closed",
            "status_key": "closed",
            "state": 4,
            "status_code": 2,
        }

    def webhook(self, remote_id: str, event: str, **entity: Any) -> bytes:
        """The body of a webhook about the chat."""
        visitor = {"id": "633", "type": "lead", "channel": "website", "name": "Ana"}
        chat = self.chats[remote_id]
        body = {
            "webhook": {"id": "63380012"},
            "org_id": "55778119",
            "app_id": SETTINGS["app_id"],
            "entity_type": "conversation",
            "event": f"conversation.{event}",
            "entity_id": remote_id,
            "attempt": 1,
            "version": 1,
            "event_time": self._now(),
            "entity": {
                "id": remote_id,
                "visitor_conversation_id": chat["hash"],
                "visitor": visitor,
                **entity,
            },
        }
        return json.dumps(body).encode()

    def tickets(self) -> list[str]:
        return list(self.chats)

    def shown(self, remote_id: str) -> list[str]:
        chat = self.chats[remote_id]
        past = [f"{one['sender_name']}: {one['text']}" for one in chat["past_messages"]]
        said = [one for one in chat["messages"] if one["type"] != "info"]
        return past + [
            f"{one['message'].get('text', '')} {one['message'].get('file_name', '')}".strip()
            for one in said
        ]

    def closed(self, remote_id: str) -> bool:
        return bool(self.chats[remote_id]["chat_status"]["state_key"] == "closed")

    def drop(self, remote_id: str) -> None:
        del self.chats[remote_id]

    def agent_works(self, remote_id: str) -> list[bytes]:
        operator = {**PAT, "type": "operator", "email_id": PAT["email"]}
        self.take(remote_id)
        bodies = [self.webhook(remote_id, "attender.updated", owner=operator)]
        self.say(remote_id, {"id": "b633800", "name": "Zobot"}, "I am a bot")
        said = self.say(remote_id, PAT, "Hi Ana")
        message = {
            "msgid": said["id"],
            "text": "Hi Ana",
            "meta": {},
            "sender": {"id": PAT["id"], "name": "Pat", "type": "operator"},
        }
        bodies.append(self.webhook(remote_id, "operator.replied", owner=operator, message=message))
        self.say(remote_id, PAT, "Pat left", type="info")
        self.end(remote_id, ended_by="agent")
        end_time = self.chats[remote_id]["end_time"]
        bodies.append(self.webhook(remote_id, "completed", ended_by="agent", end_time=end_time))
        return bodies

    # --- the vendor ----------------------------------------------------------------------------

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], Any]:
        url = urlsplit(request.url or "")
        path = unquote(url.path).removeprefix("/api").replace("/acme", "", 1)
        raw = request.body or b""
        raw = raw.encode() if isinstance(raw, str) else raw
        kind = request.headers.get("Content-Type", "")
        if kind.startswith("multipart"):
            body: Any = _form(raw, kind)
        else:
            body = json.loads(raw) if raw else dict(parse_qsl(url.query))
        self.requests.append((str(request.method), path, body))
        token = request.headers.get("Authorization", "").removeprefix("Zoho-oauthtoken ")
        self.tokens.append(token)
        for (method, pattern), answers in self.replies.items():
            if answers and method == request.method and re.fullmatch(pattern, path):
                return _sent(answers.pop(0))
        if self.user_only and re.fullmatch(self.user_only, path) and not token.startswith("user"):
            return _sent(error(1009))
        file = re.fullmatch(r"/v2/conversations/\w+/attachments/(\w+)", path)
        if file and file[1] in self.files:
            content, mime = self.files[file[1]]
            return 200, {"Content-Type": mime}, content
        return _sent(self._route(str(request.method), path, body))

    def _route(self, method: str, path: str, body: Any) -> Answer:
        if (method, path) == ("POST", "/visitor/v1/conversations"):
            return self._open(body)
        said = re.fullmatch(r"/visitor/v1/conversations/(\w+)/messages", path)
        if method == "POST" and said:
            return self._visitor_says(said[1], body)
        if path.startswith("/v2/conversations"):
            return self._conversations(method, path, body)
        if path.startswith("/v2/webhooks"):
            return self._webhooks(method, path, body)
        return self._account(method, path, body)

    def _account(self, method: str, path: str, body: Any) -> Answer:
        if (method, path) == ("GET", "/v2/apps"):
            brand = {"id": SETTINGS["app_id"], "name": "Acme", "enabled": "true"}
            return 200, _data([brand | {"waiting_time": "60"}])
        if (method, path) == ("GET", "/v2/departments"):
            names = {"633802024": "Support", "633802025": "Sales", "633802026": "Billing"}
            return 200, _data([{"id": id_, "name": name} for id_, name in names.items()])
        if method == "GET" and path.startswith("/v2/operators"):
            wanted = path.removeprefix("/v2/operators").strip("/")
            if wanted:
                found = [one for one in self.operators if one["id"] == wanted]
                return (200, _data(found[0])) if found else error(1019)
            start = int(body.get("index", 1)) - 1
            return 200, _data(self.operators[start : start + 20])
        return error(1006, 404)

    def _open(self, body: Json) -> Answer:
        for name in ("app_id", "department_id", "question", "visitor"):
            if not body.get(name):
                return error(1011, json_key=name)
        remote_id, now = str(633812000 + self._next()), self._now()
        chat: Json = {
            "id": remote_id,
            "hash": f"{self._next():08x}",
            "chat_id": f"LD_22432_{self._next()}",
            "reference_id": str(self._next()),
            "question": body["question"],
            "opened": body,
            "past_messages": body.get("past_messages", []),
            "department_id": body["department_id"],
            "start_time": now,
            "last_modified_time": now,
            "chat_status": {"state_key": "waiting", "status_key": "open", "state": 1},
            "messages": [],
        }
        self.chats[remote_id] = chat
        self.say(remote_id, {"id": "$633", "name": body["visitor"]["name"]}, body["question"])
        ids = {} if self.answers_without_ids else {"conversation_id": remote_id}
        data = {
            "id": chat["hash"],
            **ids,
            "wms_chat_id": chat["chat_id"],
            "chat_id": "9f1c",
            "reference_id": chat["reference_id"],
            "question": body["question"],
        }
        return 200, _data(data)

    def _visitor_says(self, remote_id: str, body: Json) -> Answer:
        if remote_id not in self.chats:
            return error(1019)
        visitor = {"id": "$633", "name": "Ana"}
        if "file" not in body:
            if not body.get("text"):
                return error(1018, json_key="text")
            return 200, _data(self.say(remote_id, visitor, body["text"]))
        name, _ = body["file"]
        holds = {"file_name": name, "attachment_id": str(self._next())}
        if body.get("comment"):
            holds["text"] = body["comment"]
        return 200, _data(self.say(remote_id, visitor, None, type="file", message=holds))

    def _conversations(self, method: str, path: str, body: Json) -> Answer:
        remote_id, _, rest = path.removeprefix("/v2/conversations").strip("/").partition("/")
        if not remote_id:
            return 200, _data([self._row(chat) for chat in self._chosen(body)])
        if remote_id not in self.chats:
            return error(1019)
        chat = self.chats[remote_id]
        if (method, rest) == ("GET", ""):
            return 200, _data(self._row(chat))
        if (method, rest) == ("PUT", "close"):
            if self.closed(remote_id):
                return error(1015)
            self.end(remote_id)
            return 200, _data(self._row(chat))
        if (method, rest) == ("GET", "messages"):
            newest = [
                m for m in reversed(chat["messages"]) if int(m["time"]) <= int(body["to_time"])
            ]
            return 200, _data(newest[: int(body.get("limit", 20))])
        return error(1006, 404)

    def _chosen(self, query: Json) -> list[Json]:
        page, limit = int(query.get("page", 1)), int(query.get("limit", 20))
        found = [
            chat
            for chat in self.chats.values()
            if chat["department_id"] == query.get("department_id", "633802024")
            and query.get("email") in (None, chat["opened"]["visitor"].get("email"))
            and int(chat["start_time"]) >= int(query.get("from_time", 0))
        ]
        return found[(page - 1) * limit : page * limit]

    def _row(self, chat: Json) -> Json:
        hidden = ("hash", "opened", "past_messages", "messages")
        return {name: value for name, value in chat.items() if name not in hidden}

    def _webhooks(self, method: str, path: str, body: Any) -> Answer:
        id_, _, rest = path.removeprefix("/v2/webhooks").strip("/").partition("/")
        if method == "GET" and not id_:
            return 200, _data([{"id": i, "url": w["url"]} for i, w in self.webhooks.items()])
        if method == "POST" and not id_:
            made = str(self._next())
            self.webhooks[made] = {**body, "keys": []}
            return 200, _data({"id": made, "url": body["url"]})
        if id_ not in self.webhooks:
            return error(1019)
        if method == "DELETE":
            del self.webhooks[id_]
            return 200, _data({"id": id_})
        if (method, rest) == ("POST", "keys"):
            key = {"id": str(self._next()), "key": bare(), "created_time": self._now()}
            self.webhooks[id_]["keys"].append(key)
            return 200, _data({"public_keys": self.webhooks[id_]["keys"]})
        return error(1006, 404)

    def _accounts(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        raw = request.body or ""
        form = parse_qs(raw.decode() if isinstance(raw, bytes) else raw)
        self.refreshes.append({name: values[0] for name, values in form.items()})
        if self.token_answers:
            return _sent(self.token_answers.pop(0))
        token = f"user-token-{len(self.refreshes)}"
        return _sent((200, {"access_token": token, "token_type": "Bearer", "expires_in": 3600}))

    def _now(self) -> str:
        return str(to_ms(self.clock()))

    def _next(self) -> int:
        self._count += 1
        return self._count


def make_zoho(http: FaultyHttp, clock: Clock, **parts: Any) -> Zoho:
    """The adapter, connected to the double."""
    settings = parts.pop("settings", SETTINGS)
    credentials = CREDENTIALS | parts.pop("credentials", {})
    return Zoho(make_connection(settings, credentials, http=http, clock=clock, **parts))


def journal(clock: Clock, key: str = "delivery") -> FakeJournal:
    """A journal of its own."""
    return FakeJournal(clock, key=key)


def later(clock: Clock, **delta: float) -> None:
    """Let time pass."""
    clock.advance(timedelta(**delta).total_seconds())


def _data(data: Any) -> Json:
    return {"url": "/api/...", "object": "list" if isinstance(data, list) else "one", "data": data}


def _sent(answer: Answer) -> tuple[int, dict[str, str], str]:
    status, body = answer
    text = body if isinstance(body, str) else json.dumps(body)
    return status, {"Content-Type": "application/json;charset=UTF-8"}, text


def _form(raw: bytes, kind: str) -> Json:
    """A multipart body: texts as texts, files as (name, content)."""
    message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + raw, policy=HTTP)
    found: Json = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        filename = part.get_filename()
        found[str(name)] = (filename, content) if filename else content.decode()
    return found
