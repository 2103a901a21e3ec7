"""What a process counts of its own work, for Prometheus. Labels never name a tenant or a person."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from conversations.models import Delivery, DeliveryKind, Outcome

ATTEMPTS = Counter(
    "hitl_attempts", "Attempts to deliver, by how they ended.", ("provider", "kind", "outcome")
)
ATTEMPT_SECONDS = Histogram(
    "hitl_attempt_seconds",
    "How long attempts to deliver took.",
    ("provider",),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40),
)
WEBHOOK_SECONDS = Histogram(
    "hitl_webhook_seconds",
    "How long webhooks of help desks took to be stored and answered.",
    ("provider", "code"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def attempted(delivery: Delivery, outcome: Outcome, seconds: float) -> None:
    """Count an attempt that has ended. To the bot, its connector stands for the provider."""
    conversation = delivery.conversation
    to_bot = delivery.kind == DeliveryKind.EVENT
    provider = conversation.bot.connector if to_bot else conversation.installation.provider
    ATTEMPTS.labels(provider, delivery.kind, outcome).inc()
    ATTEMPT_SECONDS.labels(provider).observe(max(0.0, seconds))
