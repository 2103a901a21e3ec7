"""Where people's data are: every text that the database holds has its place here.

A test takes each text and JSON column of every model and asks for its place, so that a new one
can't be forgotten by erasure. Rows of `OF_CONVERSATION` and `OF_USER` go as a whole.
"""

from __future__ import annotations

from django.db import models

from conversations.models import (
    Attempt,
    BotpressArrival,
    BotpressClose,
    BotpressSession,
    Contact,
    Conversation,
    ConversationTag,
    Delivery,
    Event,
    Lane,
    MediaFile,
    Message,
    User,
    UserTag,
)

# Each with the look-up to its conversation, in the order to delete them in.
OF_CONVERSATION: tuple[tuple[type[models.Model], str], ...] = (
    (Attempt, "delivery__conversation"),
    (Delivery, "conversation"),
    (Event, "conversation"),
    (Message, "conversation"),
    (MediaFile, "conversation"),
    (ConversationTag, "conversation"),
    (BotpressClose, "session__conversation"),
    (BotpressSession, "conversation"),
    (Lane, "conversation"),
)
OF_USER: tuple[tuple[type[models.Model], str], ...] = (
    (UserTag, "user"),
    (Contact, "user"),
    (BotpressArrival, "user"),
)
_ROWS: list[type[models.Model]] = [one for one, _ in (*OF_CONVERSATION, *OF_USER)]
_ROWS += (User, Conversation)
WHOLE_ROWS = {model._meta.label: model for model in _ROWS}

# Rows of others, or of nobody, that may tell of a person: searched, and emptied or deleted.
SEARCHED: dict[str, set[str]] = {
    "conversations.Receipt": {"body", "error"},
    "conversations.UnmatchedEvent": {"remote_id", "key", "event"},
    "conversations.IdempotentRequest": {"key", "response"},
    "hitl_bridge.Bot": {"last_error"},
    "hitl_bridge.Installation": {"last_error", "status_reason", "hold_reason"},
    "hitl_bridge.AuditEntry": {"target_label", "details"},
    "admin.LogEntry": {"object_repr", "change_message"},
}

# The people who log in, and what the platform notes of them; they go with their account, or by
# AUDIT_DAYS. They are no customers: `erase_user` is not for them.
OF_STAFF: dict[str, set[str]] = {
    "auth.User": {"password", "username", "first_name", "last_name", "email"},
    "sessions.Session": {"session_key", "session_data"},
    "axes.AccessAttempt": {
        "user_agent", "ip_address", "username", "http_accept", "path_info", "get_data",
        "post_data",
    },
    "axes.AccessLog": {
        "user_agent", "ip_address", "username", "http_accept", "path_info", "session_hash",
    },
    "axes.AccessFailureLog": {
        "user_agent", "ip_address", "username", "http_accept", "path_info",
    },
    "hitl_bridge.AuditEntry": {"actor_name", "ip"},
    "hitl_bridge.SecondStep": {"secret", "recovery_hashes"},
    "hitl_bridge.Tenant": {"alert_emails"},
    "hitl_bridge.Membership": {"role"},
}  # fmt: skip

# Configuration, ids that the bridge or a help desk made up, and words from a fixed list. The
# history tables (`Historical…`) repeat configuration and are no further places.
OF_NOBODY: dict[str, set[str]] = {
    "admin.LogEntry": {"object_id"},
    "auth.Permission": {"name", "codename"},
    "auth.Group": {"name"},
    "contenttypes.ContentType": {"app_label", "model"},
    "conversations.Receipt": {"key", "state"},
    "conversations.IdempotentRequest": {"fingerprint"},
    "conversations.WorkerHeartbeat": {"name"},
    "hitl_bridge.Tenant": {"slug", "name", "alert_webhook_url", "alert_webhook_secret"},
    "hitl_bridge.Alert": {"kind", "subject_type", "subject_id", "subject_label"},
    "hitl_bridge.AlertNotice": {"phase", "channel", "audience", "state", "error"},
    "hitl_bridge.AuditEntry": {"action", "target_type", "target_id"},
    "hitl_bridge.Bot": {
        "slug", "name", "connector", "callback_url", "callback_secret",
        "previous_callback_secret", "callback_disabled_reason", "botpress_webhook_url",
        "botpress_token", "botpress_bot_id",
    },
    "hitl_bridge.ApiKey": {"name", "prefix", "hash", "scopes"},
    "hitl_bridge.App": {"slug", "provider", "credentials", "settings", "webhook_token"},
    "hitl_bridge.Installation": {
        "id", "slug", "provider", "settings", "credentials", "options", "api_base_url",
        "auth_base_url", "webhook_token", "bot_token", "account_id", "account_name", "state",
        "status", "status_field",
    },
    "hitl_bridge.OAuthToken": {"access_token", "refresh_token", "lease_owner", "details"},
}  # fmt: skip


def placeless() -> list[str]:
    """The text and JSON columns, as `app.Model.column`, that nobody has thought of."""
    from_others = (SEARCHED, OF_STAFF, OF_NOBODY)
    found = []
    for model in _models():
        label = model._meta.label
        known: set[str] = set().union(*(place.get(label, set()) for place in from_others))
        if label not in WHOLE_ROWS:
            found += [f"{label}.{name}" for name in _texts(model) if name not in known]
    return found


def _models() -> list[type[models.Model]]:
    """All models of this installation; a history table repeats the model it belongs to."""
    from_apps = User._meta.apps.get_models(include_auto_created=True)
    return [model for model in from_apps if not hasattr(model, "instance_type")]


def _texts(model: type[models.Model]) -> list[str]:
    """The columns that can hold somebody's words, name or address."""
    kinds = (
        models.CharField, models.TextField, models.JSONField, models.FileField,
        models.GenericIPAddressField, models.BinaryField,
    )  # fmt: skip
    return [one.name for one in model._meta.concrete_fields if isinstance(one, kinds)]
