from importlib import import_module

from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    """Users, conversations, messages, events and their deliveries."""

    name = "conversations"
    verbose_name = "Conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signals; their receivers need the models, so not before."""
        import_module("conversations.recovery")
