"""LiveChat's JSON, as far as it matters here; unknown fields are ignored."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from providers.values import TupleOf, number_or_text

Text = Annotated[str, BeforeValidator(number_or_text)]  # groups' ids are numbers


ALL = "all"  # the visibility of what the customer sees


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Button(_Model):
    """Of a rich message; `type` url and phone lead somewhere, all else is an answer to pick."""

    text: Text = ""
    type: Text = ""
    value: Text = ""
    postback_id: Text = ""


class Image(_Model):
    url: Text = ""


class Element(_Model):
    """One card of a rich message."""

    title: Text = ""
    subtitle: Text = ""
    image: Image | None = None
    buttons: TupleOf[Button] = ()


class Event(_Model):
    """One entry of a thread. Without an author it is the system's."""

    id: Text
    custom_id: Text = ""
    type: Text = ""
    author_id: Text = ""
    visibility: Text = ""  # all or agents; the customer's API leaves it out
    created_at: AwareDatetime
    deleted: bool = False
    text: Text = ""
    url: Text = ""
    name: Text = ""
    content_type: Text = ""
    elements: TupleOf[Element] = ()


class User(_Model):
    """Someone in a chat. Humans and bots both have the type agent."""

    id: Text
    type: Text = ""
    name: Text = ""
    email: Text = ""
    avatar: Text = ""
    present: bool = True
    visibility: Text = "all"


class Access(_Model):
    group_ids: TupleOf[int] = ()


class Thread(_Model):
    """One session within a chat."""

    id: Text = ""
    active: bool = True
    user_ids: TupleOf[Text] = ()
    events: TupleOf[Event] = ()
    access: Access | None = None


class Chat(_Model):
    """A chat with one of its threads."""

    id: Text
    users: TupleOf[User] = ()
    thread: Thread = Thread()
    access: Access | None = None

    @property
    def groups(self) -> tuple[int, ...]:
        """The groups that see the chat."""
        access = self.thread.access or self.access
        return access.group_ids if access else ()


class ChatSummary(_Model):
    """A customer's chat in their list."""

    id: Text
    active: bool = False
    last_thread_id: Text = ""
    access: Access | None = None


class ChatSummaries(_Model):
    chats_summary: TupleOf[ChatSummary] = ()


class Entered(_Model):
    """The answer to starting or resuming a chat."""

    chat_id: Text = ""
    thread_id: Text
    event_ids: TupleOf[Text] = ()


class SentEvent(_Model):
    event_id: Text


class Upload(_Model):
    url: Text


class Group(_Model):
    id: Text
    name: Text = ""
    routing_status: Text = ""


class AgentAccount(_Model):
    """An agent as the Configuration API lists them; `id` is the e-mail address."""

    id: Text
    account_id: Text = ""
    name: Text = ""
    avatar_path: Text = ""
    avatar: Text = ""


class Webhook(_Model):
    id: Text
    action: Text = ""
    url: Text = ""


class WebhooksState(_Model):
    license_webhooks_enabled: bool = False


class Registered(_Model):
    id: Text


class TokenInfo(_Model):
    account_id: Text = ""
    organization_id: Text = ""


class Grant(_Model):
    """What a token endpoint answers; `entity_id` where the token is a customer's."""

    access_token: str = ""
    refresh_token: str = ""
    entity_id: Text = ""
    expires_in: float = 28800
    scope: Text = ""
    account_id: Text = ""
    organization_id: Text = ""


class ErrorData(_Model):
    region: Text = ""


class ApiError(_Model):
    type: Text = ""
    message: Text = ""
    data: ErrorData | None = None


class ErrorAnswer(_Model):
    """The API says `error.type`, the accounts server `oauth_exception` or a bare `error`."""

    error: ApiError | str | None = None
    oauth_exception: Text = ""


class Transferred(_Model):
    group_ids: TupleOf[int] = ()
    agent_ids: TupleOf[Text] = ()


class Queue(_Model):
    position: int | None = None
    queued_at: Text = ""


class TypingIndicator(_Model):
    author_id: Text = ""
    visibility: Text = ALL
    is_typing: bool = False


class Payload(_Model):
    """The payloads of all webhooks: each fills what it has."""

    chat_id: Text = ""
    thread_id: Text = ""
    event: Event | None = None
    event_id: Text = ""
    chat: Chat | None = None
    user: User | None = None
    user_id: Text = ""
    reason: Text = ""
    transferred_to: Transferred = Transferred()
    queue: Queue | None = None
    seen_up_to: AwareDatetime | None = None
    typing_indicator: TypingIndicator = TypingIndicator()


class Notification(_Model):
    """The envelope. `webhook_id` names the registration, not the delivery."""

    action: str
    organization_id: Text = ""
    secret_key: str = Field(default="", repr=False)
    payload: dict[str, Any] = Field(default_factory=dict)
