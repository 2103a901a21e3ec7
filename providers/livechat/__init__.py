"""LiveChat (Text): chats in a license's groups, with the bridge acting as the customer.

Facts and their sources: https://platform.text.com/docs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from providers.base import Connection, Journal, OAuthStart, Provider, TokenGrant
from providers.errors import Gone, Misconfigured, Permanent
from providers.livechat import events, webhooks
from providers.livechat.accounts import Accounts
from providers.livechat.api import LiveChatApi, parsed, parsed_list
from providers.livechat.declaration import (
    CREDENTIALS,
    SETTINGS,
    account_of,
    allowed_groups,
    checklist,
    groups_of,
    session_problems,
    value_problems,
)
from providers.livechat.models import AgentAccount, Chat, Group
from providers.livechat.outgoing import Outgoing
from providers.livechat.webhooks import Webhooks
from providers.types import (
    Account,
    Agent,
    AgentMessage,
    Availability,
    Capabilities,
    ChecklistItem,
    InboundEvent,
    OpenedTicket,
    OpenRequest,
    Option,
    OutgoingMessage,
    Problem,
    Sent,
    Ticket,
    TicketClosed,
    WebhookRequest,
    WebhookTrust,
)

STATUSES: dict[str, Literal["online", "offline"]] = {
    "online": "online",
    "online_for_queue": "online",
    "offline": "offline",
}


class LiveChat(Provider):
    """One organization's license, by OAuth or by a personal access token."""

    slug = "livechat"
    label = "LiveChat"
    docs_url = "https://platform.text.com/console/apps"
    settings_fields = SETTINGS
    credential_fields = CREDENTIALS
    capabilities = Capabilities(
        files=True,
        transcript="message",
        notes=False,  # only an agent who is in the chat can write one
        tells_after_end="whileOpen",
        typing_out=True,
        read_out=True,
        read_in=True,
        availability=True,
        queue_events=True,
        transfers=True,
        oauth=True,
        provisions_webhooks=True,
        one_ticket_per_person=True,
        session_keys=("groupId", "sessionFields"),
    )
    webhook_topics = webhooks.ACTIONS

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._api = LiveChatApi(connection)
        self._accounts = Accounts(connection, self._api)
        self._webhooks = Webhooks(connection, self._api)
        self._outgoing = Outgoing(connection, self._api)

    # --- declaration ------------------------------------------------------------------------

    @classmethod
    def validate(cls, settings: Mapping[str, str], credentials: Mapping[str, str]) -> list[Problem]:
        return [
            *super().validate(settings, credentials),
            *value_problems(settings, credentials),
        ]

    def validate_session(self, session: Mapping[str, Any]) -> list[Problem]:
        return [
            *super().validate_session(session),
            *session_problems(session, self.connection.settings),
        ]

    # --- connection -------------------------------------------------------------------------

    def check(self) -> Account:
        organization_id = self._api.organization_id
        groups = {group.id: group.name for group in self._groups()}
        for wanted in allowed_groups(self.connection.settings):
            if wanted not in groups:
                raise Misconfigured(f"LiveChat has no group {wanted}.", field="group_id")
        pasted = self.connection.credentials.get("agent_token", "")
        account_id = account_of(pasted)
        if not pasted:
            info = self._accounts.info()
            account_id = info.account_id
            if info.organization_id and info.organization_id != organization_id:
                raise Misconfigured(
                    f"This token is for the organization {info.organization_id}, but the "
                    f"installation is for {organization_id}.",
                    field="organization_id",
                )
        chosen = self.connection.settings.get("group_id", "")
        return Account(
            id=organization_id,
            name=f"LiveChat {organization_id}",
            acting_as=self._name_of(account_id),
            details={"Group": groups[chosen] if chosen else "all"},
        )

    def _name_of(self, account_id: str) -> str:
        """Nice to know, so a missing scope is no reason to fail."""
        try:
            found = [agent for agent in self._agents() if agent.account_id == account_id]
        except (Misconfigured, Permanent, Gone):
            found = []
        return f"{found[0].name} ({found[0].id})" if found else account_id

    def options(self, name: str) -> list[Option]:
        if name in ("group_id", "allowed_groups"):
            return [Option(group.id, group.name or group.id) for group in self._groups()]
        return super().options(name)

    def register(
        self, webhook_url: str, save: Callable[[Mapping[str, Any]], None]
    ) -> Mapping[str, Any]:
        return self._webhooks.register(webhook_url, save)

    def unregister(self) -> None:
        self._webhooks.unregister()

    @classmethod
    def checklist(cls, webhook_url: str, settings: Mapping[str, str]) -> list[ChecklistItem]:
        del webhook_url
        return checklist(settings)

    # --- OAuth ------------------------------------------------------------------------------

    def oauth_start(self) -> OAuthStart:
        return self._accounts.start()

    def oauth_exchange(
        self, code: str, redirect_uri: str, params: Mapping[str, str], code_verifier: str = ""
    ) -> TokenGrant:
        del params
        return self._accounts.exchange(code, redirect_uri, code_verifier)

    def oauth_refresh(self, refresh_token: str) -> TokenGrant:
        return self._accounts.refresh(refresh_token)

    # --- outgoing ---------------------------------------------------------------------------

    def open(self, request: OpenRequest, journal: Journal) -> OpenedTicket:
        return self._outgoing.open(request, journal)

    def send(self, ticket: Ticket, message: OutgoingMessage, journal: Journal) -> Sent:
        return self._outgoing.send(ticket, message, journal)

    def close(self, ticket: Ticket, note: str, journal: Journal) -> None:
        self._outgoing.close(ticket, note, journal)

    def typing(self, ticket: Ticket) -> None:
        self._outgoing.typing(ticket)

    def mark_read(self, ticket: Ticket, keys: Sequence[str], up_to: datetime) -> None:
        self._outgoing.mark_read(ticket, up_to)

    def tell_agent(self, ticket: Ticket, text: str, journal: Journal) -> None:
        self._outgoing.tell_agent(ticket, text, journal)

    # --- looking ----------------------------------------------------------------------------

    def catch_up(self, ticket: Ticket, since: datetime) -> list[InboundEvent]:
        """From the Agent API, where agents have the ids that webhooks give them.

        A session that was resumed has several threads; only the last one's end is its end.
        """
        threads = [str(thread) for thread in ticket.state.get("threads") or []] or [""]
        found: list[InboundEvent] = []
        for thread_id in threads[-2:]:
            body = {"chat_id": ticket.remote_id, **({"thread_id": thread_id} if thread_id else {})}
            chat = parsed(Chat, self._api.agent("get_chat", body))
            told = events.chat_events(chat, max(since, ticket.opened_at), self.connection.now())
            is_last = thread_id == threads[-1]
            found += [event for event in told if is_last or isinstance(event, AgentMessage)]
        return found

    @classmethod
    def concerns(cls, state: Mapping[str, Any], event: InboundEvent) -> bool:
        """Whether an event of this chat is about the session with this ticket `state`.

        Webhooks of the customer's earlier session may come late, when the same chat already
        carries the next one. Only the last thread's end is the session's end; words of a newer
        thread, which an agent may start, are for this customer as well.
        """
        threads, thread = list(state.get("threads") or []), events.thread_of(event.key)
        if not thread or not threads:
            return True
        if isinstance(event, TicketClosed):
            return bool(thread == threads[-1])
        newer = event.at.timestamp() >= float(state.get("opened") or 0)
        return thread in threads or (isinstance(event, AgentMessage) and newer)

    @classmethod
    def continued(cls, ticket: Ticket, event: InboundEvent) -> OpenedTicket:
        """An agent began a new thread: its end is the new session's end."""
        threads, thread = list(ticket.state.get("threads") or []), events.thread_of(event.key)
        if thread and thread not in threads:
            threads.append(thread)
        state = {**ticket.state, "threads": threads, "opened": event.at.timestamp()}
        contact = {**ticket.contact, "conversation": ticket.conversation_id}
        return OpenedTicket(ticket.remote_id, state, contact)

    def agent(self, agent_id: str) -> Agent | None:
        if not events.is_human_agent(agent_id):
            return None
        for found in self._agents():
            if found.id == agent_id:
                picture = events.picture(found.avatar or found.avatar_path)
                return Agent(found.id, found.name, found.id if "@" in found.id else "", picture)
        return None

    def availability(self, session: Mapping[str, Any]) -> Availability:
        """The group's routing status; asked as an agent, lest each question make a customer."""
        wanted = {str(group) for group in groups_of(session, self.connection.settings)}
        told = [group for group in self._groups() if not wanted or group.id in wanted]
        statuses = {STATUSES.get(group.routing_status, "unknown") for group in told}
        detail = ", ".join(f"{group.name}: {group.routing_status}" for group in told)
        for status in ("online", "offline"):
            if status in statuses:
                return Availability(status, detail)
        return Availability("unknown", detail)

    def _groups(self) -> list[Group]:
        answer = self._api.configuration("list_groups", {"fields": ["routing_status"]})
        return parsed_list(Group, answer)

    def _agents(self) -> list[AgentAccount]:
        return parsed_list(AgentAccount, self._api.configuration("list_agents"))

    # --- incoming ---------------------------------------------------------------------------

    @classmethod
    def verify(cls, request: WebhookRequest, trust: WebhookTrust) -> None:
        webhooks.verify(request, trust)

    @classmethod
    def parse(cls, request: WebhookRequest) -> list[InboundEvent]:
        return events.parse_notification(request)

    @classmethod
    def receipt_key(cls, request: WebhookRequest) -> str:
        return events.notification_key(request)
