"""Messages, events and webhooks as rows, to look one up; the conversation's page is for reading."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString

from conversations.admin.badges import MESSAGE_STYLES
from conversations.admin.links import link
from conversations.models import Event, Message, MessageStatus, Receipt, ReceiptState
from hitl_bridge.admin.base import ReadOnlyAdmin, badge

RECEIPT_STYLES = {
    ReceiptState.STORED: "warning",
    ReceiptState.APPLIED: "success",
    ReceiptState.IGNORED: "",
    ReceiptState.FAILED: "danger",
}


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """What was said stands in the transcript; here is what became of it."""

    tenant_path = "tenant"
    list_display = (
        "id", "show_conversation", "sequence", "author", "type", "show_status", "failure",
        "created_at",
    )  # fmt: skip
    list_filter = ("status", "author", "type", "tenant")
    list_select_related = ("conversation",)
    search_fields = ("id", "conversation__id")
    search_help_text = "Id of a message or a conversation"
    ordering = ("-id",)
    fields = (
        "id", "show_conversation", "sequence", "author", "user", "type", "show_status", "failure",
        "effect_key", "remote_ids", "remote_at", "redacted_at", "created_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="Conversation")
    def show_conversation(self, obj: Message) -> Any:
        return link("conversation", obj.conversation_id, str(obj.conversation))

    @admin.display(description="Status", ordering="status")
    def show_status(self, obj: Message) -> SafeString:
        return badge(obj.get_status_display(), MESSAGE_STYLES[MessageStatus(obj.status)])


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What the bot is told; its data repeat what was said, so they are left to the transcript."""

    tenant_path = "tenant"
    list_display = ("id", "type", "show_conversation", "sequence", "bot", "created_at")
    list_filter = ("type", "tenant", "bot")
    list_select_related = ("conversation", "bot")
    search_fields = ("id", "conversation__id")
    search_help_text = "Id of an event or a conversation"
    ordering = ("-pk_number",)
    fields = (
        "id", "type", "show_conversation", "sequence", "bot", "effect_key", "position",
        "created_at",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="Conversation")
    def show_conversation(self, obj: Event) -> Any:
        return link("conversation", obj.conversation_id, str(obj.conversation))


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    """Verified webhooks. Their bodies hold what people said and are not shown."""

    tenant_path = ("installation__tenant", "app__tenant")
    list_display = (
        "received_at", "show_owner", "show_state", "event_count", "attempts", "error", "key",
    )  # fmt: skip
    list_filter = ("state", "installation", "app")
    list_select_related = ("installation", "app")
    search_fields = ("key",)
    search_help_text = "The help desk's id of the webhook"
    ordering = ("-id",)
    fields = (
        "received_at", "show_owner", "key", "show_state", "event_count", "attempts", "retry_at",
        "error",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description="From")
    def show_owner(self, obj: Receipt) -> str:
        return str(obj.installation or obj.app)

    @admin.display(description="State", ordering="state")
    def show_state(self, obj: Receipt) -> SafeString:
        return badge(obj.get_state_display(), RECEIPT_STYLES[ReceiptState(obj.state)])
