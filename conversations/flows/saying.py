"""The bridge's own words to the customer: `hitl_bridge.options.texts`, told like an agent's."""

from __future__ import annotations

from conversations.flows.events import emit
from conversations.models import Author, Conversation, EventType, Message, MessageStatus, User
from hitl_bridge.models.bots import Connector
from hitl_bridge.options import Text, words

SYSTEM = str(Author.SYSTEM)  # stands where an agent's user id and `source` stand


def say(conversation: Conversation, text: Text, key: str = "", agent: User | None = None) -> None:
    """Tell a locked conversation's customer, if this text is switched on; `key`: once for each."""
    said = words(conversation.options, text, agent.name if agent else "")
    effect_key = f"text:{text}:{key}"
    if not said or not _can_be_shown(conversation, text):
        return
    if conversation.messages.filter(effect_key=effect_key).exists():
        return
    conversation.last_message_sequence += 1
    conversation.save(update_fields=["last_message_sequence"])
    message = Message.objects.create(
        tenant_id=conversation.tenant_id,
        conversation=conversation,
        sequence=conversation.last_message_sequence,
        author=Author.SYSTEM,
        type="text",
        payload={"text": said},
        effect_key=effect_key,
        status=MessageStatus.PENDING,
    )
    data = {
        "messageId": message.id,
        "source": SYSTEM,
        "notice": str(text),
        # Where an agent's would be, so that a bot which knows nothing of it shows it all the same.
        "userId": SYSTEM,
        "agent": {"userId": SYSTEM, "name": conversation.bot.name or "System"},
        "type": message.type,
        "payload": message.payload,
    }
    emit(conversation, EventType.MESSAGE_CREATED, data, effect_key, message)


def _can_be_shown(conversation: Conversation, text: Text) -> bool:
    """Botpress's plugin says all else itself, and takes words ahead of the agent for the agent."""
    if conversation.bot.connector != Connector.BOTPRESS:
        return True
    return text == Text.UNDELIVERABLE and conversation.agent_id is not None
