"""What operators see of tenants, bots and connections. Imported for its registrations."""

from hitl_bridge.admin import accounts, apps, bots, installations, tenants

__all__ = ["accounts", "apps", "bots", "installations", "tenants"]
