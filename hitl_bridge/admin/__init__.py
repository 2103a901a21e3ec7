"""What operators see of tenants, bots and connections. Imported for its registrations."""

from hitl_bridge.admin import accounts, alerts, apps, audit, bots, installations, people, tenants

__all__ = ["accounts", "alerts", "apps", "audit", "bots", "installations", "people", "tenants"]
