from django.apps import AppConfig


class HitlBridgeConfig(AppConfig):
    """Tenants, bots and their connections to help desks."""

    name = "hitl_bridge"
    verbose_name = "Connections"
    default_auto_field = "django.db.models.BigAutoField"
