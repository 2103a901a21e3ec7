from importlib import import_module

from django.apps import AppConfig


class HitlBridgeConfig(AppConfig):
    """Tenants, bots and their connections to help desks."""

    name = "hitl_bridge"
    verbose_name = "Connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect the signals; their receivers need the models, so not before."""
        import_module("hitl_bridge.login_audit")
