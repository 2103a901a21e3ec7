"""What Pixel answers. Rules only; the point of the demo is what comes after them."""

from __future__ import annotations

import re
from dataclasses import dataclass

HUMAN = "Talk to a human"
MENU = ("Opening hours", "Where is my order?", HUMAN)
WANTS_HUMAN = re.compile(
    r"\b(human|agent|person|someone|operator|real people|support team)\b", re.IGNORECASE
)
ANSWERS = (
    (
        re.compile(r"\b(hours?|open|close[sd]?|when)\b", re.IGNORECASE),
        "The shop is open Monday to Saturday, 9:00 to 19:00. On Sundays we sleep in.",
    ),
    (
        re.compile(r"\b(order|parcel|delivery|package|track\w*)\b", re.IGNORECASE),
        "Your last order left our warehouse yesterday and should be with you tomorrow.",
    ),
    (
        re.compile(r"\b(returns?|refunds?|money back)\b", re.IGNORECASE),
        "You can return anything within 30 days. For a refund of your own, ask for a human.",
    ),
    (
        re.compile(r"\b(hi|hello|hey|good (morning|evening|day))\b", re.IGNORECASE),
        "Hello! What can I do for you?",
    ),
    (re.compile(r"\b(thanks?|thank you|cheers)\b", re.IGNORECASE), "You're welcome!"),
)
GREETING = "Hi, I'm Pixel, the shop's assistant. Ask me something, or ask for a human."
BACK = "I'm back. Is there anything else that I can help with?"
LOST = "Sorry, that is more than I know. Shall I get you a human?"
NO_FILES = "I can't read files myself, but a human can. Shall I get you one?"
UNREACHABLE = "I'm sorry, no human can be reached right now. Please try again later."


@dataclass(frozen=True)
class Answer:
    """What the bot says next, or that it gives way to a human."""

    text: str = ""
    options: tuple[str, ...] = ()
    handoff: bool = False


def answer(text: str) -> Answer:
    """The answer to what a customer typed."""
    if WANTS_HUMAN.search(text):
        return Answer(handoff=True)
    for pattern, reply in ANSWERS:
        if pattern.search(text):
            return Answer(reply, MENU)
    return Answer(LOST, MENU)
