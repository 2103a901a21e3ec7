"""What support staff and operators see of conversations. Imported for its registrations."""

from conversations.admin import bots, conversations, deliveries, people, records

__all__ = ["bots", "conversations", "deliveries", "people", "records"]
