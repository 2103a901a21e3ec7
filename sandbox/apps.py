"""Django application of the sandbox."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """All of the sandbox's tables and templates."""

    name = "sandbox"
    default_auto_field = "django.db.models.BigAutoField"
