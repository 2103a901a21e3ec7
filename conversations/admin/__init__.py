"""What support staff and operators see of conversations. Imported for its registrations."""

from conversations.admin import conversations, deliveries, people, records

__all__ = ["conversations", "deliveries", "people", "records"]
