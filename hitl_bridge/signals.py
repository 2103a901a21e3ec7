"""What upper layers may want to know; they connect, this layer only sends."""

from django.dispatch import Signal

# kwargs: installation. Deliveries that waited for an operator may go on.
installation_recovered = Signal()

# kwargs: installation, reason. An operator must act.
installation_needs_help = Signal()
