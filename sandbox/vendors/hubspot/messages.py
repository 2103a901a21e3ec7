"""Messages that an app publishes on its custom channel."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q

from sandbox import desk
from sandbox.desk import Said
from sandbox.models import Account, Contact, Part, Team, Ticket
from sandbox.vendors.hubspot import channels, files, shapes, wanted
from sandbox.vendors.hubspot.http import Call, invalid, needs, not_found

Json = dict[str, Any]
WRITE = "conversations.custom_channels.write"


@needs(WRITE)
def publish(call: Call, channel_id: str) -> Json:
    """POST /{channelId}/messages. A repeated idempotency id answers with the first message."""
    egg = call.read(wanted.MessageEgg)
    channel = channels.usable(call.account, channel_id)
    link = channels.connection(call.account, channel_id, egg.channel_account_id)
    _check(egg, channel, link)
    with transaction.atomic():  # takes the write lock, so that two cannot both find nothing
        part = _twin(call.account, egg) or _add(call.account, egg, link)
    return shapes.message(part)


def _check(egg: wanted.MessageEgg, channel: Json, link: Json) -> None:
    """Raises ApiError for what no type forbids."""
    can = channel["capabilities"]
    if not link["authorized"] or link["archived"]:
        raise invalid("The channel account is not authorized")
    if egg.message_direction != "INCOMING":
        raise invalid("Only INCOMING messages can be published")
    if can["threadingModel"] == "INTEGRATION_THREAD_ID" and not egg.integration_thread_id:
        raise invalid("integrationThreadId is required by the channel's threading model")
    if can["threadingModel"] == "DELIVERY_IDENTIFIER" and egg.integration_thread_id:
        raise invalid("integrationThreadId is not allowed by the channel's threading model")
    for person in (*egg.senders, *egg.recipients):
        kind = person.delivery_identifier.type
        if kind not in can["deliveryIdentifierTypes"]:
            raise invalid(f"The channel does not support the delivery identifier type {kind}")
    if egg.timestamp.tzinfo is None:
        raise invalid("timestamp: a time zone is required")


def _key(egg: wanted.MessageEgg) -> str:
    key = egg.integration_idempotency_id
    return f"{egg.channel_account_id}:{key}" if key else ""


def _twin(account: Account, egg: wanted.MessageEgg) -> Part | None:
    """The message that came with the same idempotency id over the same channel account."""
    if not _key(egg):
        return None
    rows = Part.objects.select_related("ticket__account", "ticket__contact", "ticket__team")
    return rows.filter(ticket__account=account, author__key=_key(egg)).first()


def _add(account: Account, egg: wanted.MessageEgg, link: Json) -> Part:
    sender = egg.senders[0]
    contact = _contact(account, sender)
    said, also = _said(account, egg)
    ticket = _thread(account, egg)
    if ticket is None:
        about = {
            "channelId": link["channelId"],
            "channelAccountId": link["id"],
            "integrationThreadId": egg.integration_thread_id,
            "sender": sender.delivery_identifier.model_dump(by_alias=True),
        }
        inbox = Team.objects.get(account=account, vendor_id=link["inboxId"])
        ticket = desk.open_ticket(contact, said, via_api=True, team=inbox, attributes=about)
        part = ticket.parts.get(type=Part.Type.FIRST)
    else:
        part = desk.customer_says(ticket, said, via_api=True)
    part.author = {
        "id": contact.vendor_id,
        "name": sender.name or contact.name,
        "email": contact.email,
        "sender": sender.delivery_identifier.model_dump(by_alias=True),
        "recipients": [p.delivery_identifier.model_dump(by_alias=True) for p in egg.recipients],
        "key": _key(egg),
        "also": also,
        "in_reply_to": egg.in_reply_to_id,
    }
    # The inbox shows when the customer wrote, not when HubSpot heard of it.
    part.created_at = min(egg.timestamp, part.created_at)
    part.ticket = ticket
    part.save()
    return part


def _thread(account: Account, egg: wanted.MessageEgg) -> Ticket | None:
    """The thread that the message belongs to; one in the trash takes none."""
    rows = Ticket.objects.select_related("account", "contact", "team", "agent").filter(
        account=account, attributes__channelAccountId=egg.channel_account_id
    )
    if egg.integration_thread_id:
        rows = rows.filter(attributes__integrationThreadId=egg.integration_thread_id)
    else:
        identifier = egg.senders[0].delivery_identifier
        rows = rows.filter(attributes__sender__value=identifier.value)
    return next((row for row in rows.order_by("-id") if not row.attributes.get("archived")), None)


def _contact(account: Account, sender: wanted.Participant) -> Contact:
    """E-mail and phone match contacts; an opaque id is a visitor of its own."""
    kind, value = sender.delivery_identifier.type, sender.delivery_identifier.value
    if kind == "HS_EMAIL_ADDRESS":
        match, fields = Q(email__iexact=value), {"email": value}
    elif kind == "HS_PHONE_NUMBER":
        match, fields = Q(phone=value), {"phone": value}
    else:
        match, fields = Q(external_id=value), {"external_id": value, "role": "visitor"}
    found = Contact.objects.filter(match, account=account, merged_into=None).first()
    if found is None:
        return desk.add_contact(account, name=sender.name, **fields)
    if sender.name and not found.name:
        found.name = sender.name
        found.save(update_fields=["name"])
    return found


def _said(account: Account, egg: wanted.MessageEgg) -> tuple[Said, list[Json]]:
    """What was said, and the attachments that are no files, as the API will show them."""
    given: list[Json] = []
    also: list[Json] = []
    for one in egg.attachments:
        if isinstance(one, wanted.FileAttachment):
            given.append({**files.attachment(account, one.file_id), "usage": one.file_usage_type})
        else:
            also.append(_shown(one))
    if egg.rich_text:
        said = Said.rich(egg.rich_text, given)
        return Said(said.html, egg.text, given), also
    return Said.plain(egg.text, given), also


def _shown(one: wanted.Wanted) -> Json:
    shown = one.model_dump(by_alias=True, exclude_defaults=True)
    if isinstance(one, wanted.QuickReplies):
        shown |= {"allowMultiSelect": False, "allowUserInput": True}
    return shown


def _one(account: Account, channel_id: str, message_id: str) -> Part:
    channels.usable(account, channel_id)
    rows = Part.objects.select_related("ticket__account", "ticket__contact")
    part = rows.filter(
        ticket__account=account,
        ticket__attributes__channelId=channel_id,
        vendor_id=message_id,
    ).first()
    if part is None or not shapes.is_spoken(part):
        raise not_found("Message not found")
    return part


@needs(*channels.READ)
def show(call: Call, channel_id: str, message_id: str) -> Json:
    """GET /{channelId}/messages/{messageId}."""
    return shapes.message(_one(call.account, channel_id, message_id))


@needs(WRITE)
def update(call: Call, channel_id: str, message_id: str) -> Json:
    """PATCH /{channelId}/messages/{messageId}: what became of an agent's message."""
    body = call.read(wanted.MessageStatus)
    part = _one(call.account, channel_id, message_id)
    status: Json = {"statusType": body.status_type}
    if body.status_type == "FAILED":
        details = {"errorMessage": body.error_message, "errorMessageTokens": {}}
        status["failureDetails"] = details
    part.author["status"] = status
    part.save(update_fields=["author"])
    return shapes.message(part)
