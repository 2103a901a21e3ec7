"""Dead letters in plain words: what happened, and what to do next."""

from __future__ import annotations

from conversations.engine.retry import CRASHES
from conversations.flows.operators import retry_problem
from conversations.models import Delivery, DeliveryKind, DeliveryState

# The class of the last error (providers.errors) -> title, what it means, what to do.
REASONS: dict[str, tuple[str, str, str]] = {
    "Permanent": (
        "Refused for good",
        "The other side said that it will never take this.",
        "Mend what it names and retry; if that is not possible, drop it.",
    ),
    "Gone": (
        "The ticket is gone",
        "The ticket no longer exists at the help desk, or takes no more messages.",
        "Drop it: there is nothing left that it could be delivered to.",
    ),
    "Unavailable": (
        "Out of reach for too long",
        "The other side did not answer, or only with errors, until the tries were used up.",
        "Look whether it answers again (its page shows the last success), then retry.",
    ),
    "OutcomeUnknown": (
        "No clear answer for too long",
        "Each try ended without an answer that says whether it was carried out.",
        "Look in the ticket whether it has arrived. If not, retry: the bridge looks as well first.",
    ),
    "RateLimited": (
        "Too many calls for too long",
        "The other side kept asking the bridge to slow down.",
        "Retry when there is less traffic, or have the account's limit raised.",
    ),
    "Reconnect": (
        "No access",
        "The access to the account had been withdrawn or had run out.",
        "Connect the installation again, then retry.",
    ),
    "Misconfigured": (
        "A setting is wrong",
        "A setting of the installation or of the bot did not fit.",
        "Mend the setting, then retry.",
    ),
    "Disabled": (
        "Callbacks were switched off",
        "The bot answered that it wants no more callbacks at this address.",
        "Switch them on again on the bot's page, then retry.",
    ),
    "Retry": (
        "Not taken for too long",
        "The other side could not take it until the tries were used up.",
        "Look whether it takes others by now, then retry.",
    ),
}
UNKNOWN = (
    "An unexpected error",
    "Something went wrong that the bridge has no name for; its log tells more.",
    "Retry once. If it fails again, drop it and report the error.",
)
KILLED = (
    "It stopped its worker",
    f"Carrying it out ended the worker process {CRASHES} times, so it was put aside.",
    "Look into the log of that time before you retry: it may stop the next worker too.",
)


def reason(delivery: Delivery) -> tuple[str, str, str]:
    """(title, what it means, what to do) of a delivery that failed."""
    if delivery.crash_count >= CRASHES:
        return KILLED
    return REASONS.get(delivery.error_kind, UNKNOWN)


def next_step(delivery: Delivery) -> str:
    """What to do with it as things are now; empty if it is no dead letter."""
    if delivery.state != DeliveryState.DEAD:
        return ""
    problem = retry_problem(delivery, delivery.conversation)
    if problem:
        return problem
    step = reason(delivery)[2]
    if delivery.kind == DeliveryKind.EVENT:
        return f"{step} The bot can also read the event in its feed, whatever you decide."
    return step
