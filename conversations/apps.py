from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ConversationsConfig(AppConfig):
    """Users, conversations, messages, events and their deliveries."""

    name = "conversations"
    verbose_name = "Conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signals; their receivers need the models, so not before."""
        import_module("conversations.recovery")
        # This app is the last of ours: by then every permission has been made.
        post_migrate.connect(make_groups, sender=self)


def make_groups(using: str, apps: Any = None, **_: Any) -> None:
    """Make the roles' groups; `apps` are those whose tables exist now (all, after a flush)."""
    if apps is None or "group" in apps.all_models["auth"]:
        import_module("hitl_bridge.roles").make_groups(using)
