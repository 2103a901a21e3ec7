"""Who carries out which kind of delivery."""

from __future__ import annotations

from conversations.engine.handlers import Handler
from conversations.flows.asking import CatchUp, Receive
from conversations.flows.outgoing import CloseTicket, OpenTicket, SendMessage, TellAgent
from conversations.flows.telling import TellBot
from conversations.models import DeliveryKind

HANDLERS: dict[DeliveryKind, Handler] = {
    DeliveryKind.OPEN: OpenTicket(),
    DeliveryKind.MESSAGE: SendMessage(),
    DeliveryKind.CLOSE: CloseTicket(),
    DeliveryKind.TELL_AGENT: TellAgent(),
    DeliveryKind.RECEIVE: Receive(),
    DeliveryKind.CATCH_UP: CatchUp(),
    DeliveryKind.EVENT: TellBot(),
}
