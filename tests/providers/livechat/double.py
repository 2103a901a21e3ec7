"""A small LiveChat behind `responses`: accounts server, customers, their chats, webhooks."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
import responses

from tests.providers.contract import VendorDouble
from tests.providers.fakes import Clock

API = "https://api.livechatinc.com"
ACCOUNTS = "https://accounts.livechat.com"
ORG = "390e44e6-f1e6-0368c-z6ddb-74g14508c2ex"  # as LiveChat's documentation writes one
CLIENT = "9cbf3a968289727cb3cdfe83ab1d9836"
SECRET = "webhook-secret-test-only"
Json = dict[str, Any]
Answer = tuple[int, Any]

RUI: Json = {
    "id": "rui@acme.test",
    "type": "agent",
    "name": "Rui",
    "email": "rui@acme.test",
    "avatar": "media.example.com/rui.png",
    "visibility": "all",
    "present": True,
}
MAYA: Json = RUI | {"id": "maya@acme.test", "name": "Maya", "email": "maya@acme.test"}
BOT: Json = RUI | {"id": "2c1b8da190222160e8f9e077af4c625b", "name": "ChatBot", "email": ""}
OPAQUE = {"rui@acme.test": "b5657aff34dd32e198160d54666df9d8"}  # ids in the customers' API
WEBHOOK_URL = "https://bridge.example.com/webhooks/livechat/t0ken"


def error(type_: str, message: str = "", status: int = 400, **data: Any) -> Answer:
    """An answer in LiveChat's error format."""
    found: Json = {"type": type_, "message": message or type_}
    return status, {"error": found | ({"data": data} if data else {})}


def refusal(exception: str) -> Answer:
    """An answer of the accounts server about a customer's token."""
    return 401, {"oauth_exception": exception, "exception_description": "no"}


class LiveChatDouble(VendorDouble):
    """One organization with two groups, two agents and a bot."""

    def __init__(
        self,
        mocked: responses.RequestsMock,
        clock: Clock,
        api: str = API,
        accounts: str = ACCOUNTS,
    ) -> None:
        self.clock = clock
        self.customers: dict[str, Json] = {}  # entity id -> details, with the latest cookie
        self.tokens: dict[str, str] = {}  # customer's token -> entity id
        self.chats: dict[str, Json] = {}
        self.files: dict[str, str] = {}  # address -> name
        self.webhooks: list[Json] = []
        self.webhooks_enabled = False
        self.routing = {"0": "online", "19": "offline"}
        self.requests: list[tuple[str, Any]] = []  # (path, body)
        self.headers: list[dict[str, str]] = []
        self.replies: dict[str, list[Answer]] = {}
        self.grants: list[Json] = []  # bodies of the requests for customers' tokens
        self._count = 100
        for host in (api, accounts):
            for method in (responses.GET, responses.POST):
                mocked.add_callback(method, re.compile(re.escape(host)), callback=self._answer)

    # --- for tests -----------------------------------------------------------------------------

    def reply_once(self, name: str, answer: Answer, times: int = 1) -> None:
        """Answer the next requests to the method `name` ("agent/get_chat") so."""
        self.replies.setdefault(name, []).extend([answer] * times)

    def sent(self, name: str) -> list[Any]:
        """The bodies of the requests to that method."""
        return [body for path, body in self.requests if path == name]

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def thread(self, chat_id: str) -> Json:
        last: Json = self.chats[chat_id]["threads"][-1]
        return last

    def event(self, chat_id: str, author: str, text: str = "", **values: Any) -> Json:
        """Add an event to the chat's last thread."""
        thread = self.thread(chat_id)
        made = {
            "id": f"{thread['id']}_{len(thread['events']) + 1}",
            "created_at": self._time(),
            "type": "message",
            "visibility": "all",
            "author_id": author,
            "text": text,
        } | values
        thread["events"].append(made)
        return made

    def join(self, chat_id: str, agent: Json, **values: Any) -> None:
        chat = self.chats[chat_id]
        chat["agents"] = [a for a in chat["agents"] if a["id"] != agent["id"]] + [agent | values]

    def end(self, chat_id: str) -> None:
        """The chat's thread is closed; agents are no longer present."""
        self.thread(chat_id)["active"] = False
        chat = self.chats[chat_id]
        chat["agents"] = [agent | {"present": False} for agent in chat["agents"]]

    def webhook(self, action: str, chat_id: str, **payload: Any) -> bytes:
        about = {"chat_id": chat_id, "thread_id": self.thread(chat_id)["id"]}
        return envelope(action, about | payload)

    # --- the contract's ------------------------------------------------------------------------

    def tickets(self) -> list[str]:
        return list(self.chats)

    def shown(self, remote_id: str) -> list[str]:
        return [
            event.get("text") or event.get("name", "")
            for thread in self.chats[remote_id]["threads"]
            for event in thread["events"]
        ]

    def closed(self, remote_id: str) -> bool:
        return not self.thread(remote_id)["active"]

    def drop(self, remote_id: str) -> None:
        del self.chats[remote_id]

    def agent_works(self, remote_id: str) -> list[bytes]:
        self.join(remote_id, RUI)
        bodies = [self.webhook("user_added_to_chat", remote_id, user=RUI, reason="assigned")]
        note = self.event(remote_id, RUI["id"], "Angry customer!", visibility="agents")
        bodies.append(self.webhook("incoming_event", remote_id, event=note))
        said = self.event(remote_id, RUI["id"], "Hello Ana, I am Rui.")
        bodies.append(self.webhook("incoming_event", remote_id, event=said))
        self.end(remote_id)
        bodies.append(self.webhook("chat_deactivated", remote_id, user_id=RUI["id"]))
        return bodies

    # --- answering -----------------------------------------------------------------------------

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        url = urlsplit(str(request.url))
        name = re.sub(r"^/v[0-9.]+/", "", url.path).replace("/action/", "/")
        raw = request.body or b""
        raw = raw.encode() if isinstance(raw, str) else raw
        if name == "token":
            body: Any = {key: values[0] for key, values in parse_qs(raw.decode()).items()}
        elif name == "customer/upload_file":
            body = raw
        else:
            body = json.loads(raw or b"{}")
        self.requests.append((name, body))
        self.headers.append({key: str(value) for key, value in request.headers.items()})
        queued = self.replies.get(name)
        status, answer = queued.pop(0) if queued else self._route(name, body, request, url.query)
        cookies = answer.pop("_cookies", {}) if isinstance(answer, dict) else {}
        return status, cookies, json.dumps(answer)

    def _route(self, name: str, body: Any, request: requests.PreparedRequest, query: str) -> Answer:
        bearer = str(request.headers.get("Authorization", "")).partition(" ")[2]
        if name == "customer/token":
            return self._customer_token(body, str(request.headers.get("Cookie", "")))
        if name == "token":
            tokens = {"access_token": "fra:fresh", "refresh_token": "lifelong"}
            about = {"account_id": "acc-1", "organization_id": ORG, "scope": "customers:own"}
            return 200, {"expires_in": 28800, "token_type": "Bearer", **tokens, **about}
        if name == "info":
            return 200, {"account_id": "acc-1", "organization_id": ORG, "client_id": CLIENT}
        api, _, method = name.partition("/")
        if api == "customer":
            entity = self.tokens.get(bearer)
            if entity is None or parse_qs(query).get("organization_id") != [ORG]:
                return error("authentication", status=401)
            return getattr(self, f"_customer_{method}")(entity, body)  # type: ignore[no-any-return]
        handler = getattr(self, f"_{api}_{method}", None)
        return handler(body) if handler else error("not_found", status=404)

    def _customer_token(self, body: Json, cookie: str) -> Answer:
        self.grants.append(body | ({"cookie": cookie} if cookie else {}))
        found = re.search(r"__lc_cid=([^;]+); __lc_cst=([^;]+)", cookie)
        entity = body.get("entity_id") or (found[1] if found else "")
        if entity and entity not in self.customers:
            return refusal("invalid_grant")
        if found and self.customers[entity]["cst"] != found[2]:
            return refusal("invalid_grant")
        entity = entity or f"b7eff798-f8df-4364-8059-{self._next():012x}"
        cst = f"cst-{self._next()}"
        self.customers.setdefault(entity, {})["cst"] = cst
        token = f"dal:customer-{self._next()}"
        self.tokens[token] = entity
        answer: Json = {
            "access_token": token,
            "entity_id": entity,
            "expires_in": 28800,
            "token_type": "Bearer",
            "organization_id": ORG,
        }
        if body["grant_type"] == "cookie":
            attributes = "Path=/v2/customer; Domain=accounts.livechat.com; Secure; HttpOnly"
            both = f"__lc_cid={entity}; {attributes}, __lc_cst={cst}; {attributes}"
            answer["_cookies"] = {"Set-Cookie": both}
        return 200, answer

    def _customer_update_customer(self, entity: str, body: Json) -> Answer:
        if not body:
            return error("validation")
        self.customers[entity].update(body)
        return 200, {}

    def _customer_list_chats(self, entity: str, body: Json) -> Answer:
        del body
        chats = [
            {
                "id": chat_id,
                "last_thread_id": chat["threads"][-1]["id"],
                "active": chat["threads"][-1]["active"],
                "access": chat["threads"][-1]["access"],
            }
            for chat_id, chat in self.chats.items()
            if chat["customer"] == entity
        ]
        return 200, {"chats_summary": chats, "total_chats": len(chats)}

    def _customer_start_chat(self, entity: str, body: Json) -> Answer:
        if any(chat["customer"] == entity for chat in self.chats.values()):
            return error("limit_reached")
        chat_id = f"P{self._next()}"
        self.chats[chat_id] = {"customer": entity, "threads": [], "agents": []}
        return 200, {"chat_id": chat_id, **self._begin(chat_id, entity, body)}

    def _customer_resume_chat(self, entity: str, body: Json) -> Answer:
        chat_id = body["chat"]["id"]
        if chat_id not in self.chats:
            return error("not_found")
        if self.thread(chat_id)["active"]:
            return error("validation", "Chat is already active")
        return 200, self._begin(chat_id, entity, body)

    def _begin(self, chat_id: str, entity: str, body: Json) -> Json:
        access = body["chat"].get("access", {"group_ids": [0]})
        thread = {"id": f"K{self._next()}", "active": True, "events": [], "access": access}
        self.chats[chat_id]["threads"].append(thread)
        events = [self._taken(chat_id, entity, e) for e in body["chat"]["thread"]["events"]]
        return {"thread_id": thread["id"], "event_ids": [event["id"] for event in events]}

    def _customer_send_event(self, entity: str, body: Json) -> Answer:
        if body["chat_id"] not in self.chats:
            return error("not_found")
        if not self.thread(body["chat_id"])["active"]:
            return error("chat_inactive")
        return 200, {"event_id": self._taken(body["chat_id"], entity, body["event"])["id"]}

    def _taken(self, chat_id: str, entity: str, event: Json) -> Json:
        assert len(event.get("text", "").encode()) <= 16_384
        assert "visibility" not in event
        named = {"name": self.files[event["url"]]} if event["type"] == "file" else {}
        return self.event(chat_id, entity, **(event | named))

    def _customer_upload_file(self, entity: str, body: bytes) -> Answer:
        del entity
        found = re.search(rb'filename="([^"]+)"', body)
        assert found
        url = f"https://cdn.livechat-files.com/{self._next()}"
        self.files[url] = found[1].decode()
        return 200, {"url": url}

    def _customer_get_chat(self, entity: str, body: Json) -> Answer:
        """As customers see it: no private notes, no `visibility`, agents by opaque ids."""
        chat = self.chats.get(body["chat_id"])
        if chat is None or chat["customer"] != entity:
            return error("not_found")
        thread = chat["threads"][-1]
        events = [
            {key: value for key, value in event.items() if key != "visibility"}
            | {"author_id": OPAQUE.get(event["author_id"], event["author_id"])}
            for event in thread["events"]
            if event["visibility"] == "all"
        ]
        return 200, {"id": body["chat_id"], "users": [], "thread": thread | {"events": events}}

    def _customer_deactivate_chat(self, entity: str, body: Json) -> Answer:
        del entity
        if body["id"] not in self.chats:
            return error("not_found")
        if not self.thread(body["id"])["active"]:
            return error("validation", "Chat is already inactive")
        self.end(body["id"])
        return 200, {}

    def _customer_send_sneak_peek(self, entity: str, body: Json) -> Answer:
        del entity
        return (200, {}) if self.thread(body["chat_id"])["active"] else error("chat_inactive")

    def _customer_mark_events_as_seen(self, entity: str, body: Json) -> Answer:
        del entity, body
        return 200, {}

    def _agent_deactivate_chat(self, body: Json) -> Answer:
        self.end(body["id"])
        return 200, {}

    def _agent_get_chat(self, body: Json) -> Answer:
        chat = self.chats.get(body["chat_id"])
        if chat is None:
            return error("not_found")
        wanted = body.get("thread_id") or chat["threads"][-1]["id"]
        thread = next(one for one in chat["threads"] if one["id"] == wanted)
        members = [agent["id"] for agent in chat["agents"]] + [chat["customer"]]
        customer = {"id": chat["customer"], "type": "customer", "present": True}
        return 200, {
            "id": body["chat_id"],
            "users": [customer, *chat["agents"]],
            "thread": thread | {"user_ids": members},
        }

    def _agent_send_event(self, body: Json) -> Answer:
        if not any(agent["present"] for agent in self.chats[body["chat_id"]]["agents"]):
            return error("validation", "Requester is not user of the chat")
        return 200, {"event_id": self.event(body["chat_id"], RUI["id"], **body["event"])["id"]}

    def _agent_transfer_chat(self, body: Json) -> Answer:
        self.thread(body["id"])["access"] = {"group_ids": body["target"]["ids"]}
        return 200, {}

    def _configuration_list_groups(self, body: Json) -> Answer:
        names = {"0": "General", "19": "Sport shoes"}
        with_status = "routing_status" in body.get("fields", [])
        return 200, [
            {"id": int(id_), "name": name}
            | ({"routing_status": self.routing[id_]} if with_status else {})
            for id_, name in names.items()
        ]

    def _configuration_list_agents(self, body: Json) -> Answer:
        del body
        avatar = "cdn.livechatinc.com/avatars/1.png"
        rui = {"id": RUI["id"], "account_id": "acc-1", "name": "Rui", "avatar_path": avatar}
        return 200, [rui, {"id": MAYA["id"], "account_id": "acc-2", "name": "Maya"}]

    def _configuration_list_webhooks(self, body: Json) -> Answer:
        mine = [w for w in self.webhooks if w["owner_client_id"] == body["owner_client_id"]]
        return 200, [{k: v for k, v in w.items() if k != "secret_key"} for w in mine]

    def _configuration_register_webhook(self, body: Json) -> Answer:
        same = [w for w in self.webhooks if w["action"] == body["action"]]
        if len(same) >= 3:
            return error("limit_reached")
        made = body | {"id": f"wh{self._next()}"}
        self.webhooks.append(made)
        return 200, {"id": made["id"]}

    def _configuration_unregister_webhook(self, body: Json) -> Answer:
        left = [webhook for webhook in self.webhooks if webhook["id"] != body["id"]]
        found = len(left) < len(self.webhooks)
        self.webhooks = left
        return (200, {}) if found else error("not_found")

    def _configuration_get_license_webhooks_state(self, body: Json) -> Answer:
        del body
        return 200, {"license_webhooks_enabled": self.webhooks_enabled}

    def _configuration_enable_license_webhooks(self, body: Json) -> Answer:
        assert body["owner_client_id"] == CLIENT
        self.webhooks_enabled = True
        return 200, {}

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _time(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def envelope(action: str, payload: Json, **values: Any) -> bytes:
    """A webhook's body."""
    body = {
        "webhook_id": "wh1",
        "secret_key": SECRET,
        "action": action,
        "organization_id": ORG,
        "payload": payload,
        "additional_data": {},
    }
    return json.dumps(body | values).encode()
