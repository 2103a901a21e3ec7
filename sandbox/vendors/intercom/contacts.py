"""/contacts: create, find, update, archive, merge."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from sandbox import desk
from sandbox.models import Account, Contact
from sandbox.vendors.intercom import search, shapes
from sandbox.vendors.intercom.http import ApiError, Call, not_found, parameter

Json = dict[str, Any]
# Body field to our field.
FIELDS = {"email": "email", "name": "name", "phone": "phone", "avatar": "avatar_url"}
EXISTS = "A contact matching those details already exists with id={}"
ARCHIVED = "An archived contact matching those details already exists with id={}"


def one(account: Account, vendor_id: str) -> Contact:
    """The contact of that id. A merged one is 410, or 404 where setting `merged_as` says so."""
    contact = Contact.objects.filter(account=account, vendor_id=vendor_id).first()
    if contact is None:
        raise not_found("User Not Found")
    if contact.merged_into:
        raise _merged(account, contact.merged_into)
    return contact


def _merged(account: Account, into: Contact) -> ApiError:
    while into.merged_into:
        into = into.merged_into
    if account.setting("merged_as") == 404:
        return not_found("User Not Found")
    return ApiError(
        410,
        "contact_merged",
        "This contact has been merged. See the 'Link' header for the canonical contact.",
        headers={"Link": f'</contacts/{into.vendor_id}>; rel="canonical"'},
    )


def create(call: Call) -> Json:
    """POST /contacts."""
    body = call.body
    if not any(body.get(field) for field in ("role", "email", "external_id")):
        raise parameter("role", "role, email or external_id is required", "parameter_not_found")
    role = call.text("role", required=False) or "user"
    if role not in ("user", "lead"):
        raise parameter("role", "role must be user or lead")
    external_id = call.text("external_id", required=False)
    with transaction.atomic():  # takes the write lock, so that two cannot both find nothing
        _refuse_twin(call.account, role, external_id, call.text("email", required=False))
        contact = desk.add_contact(
            call.account, role=role, external_id=external_id, **_fields(call)
        )
    return shapes.contact(contact)


def _refuse_twin(account: Account, role: str, external_id: str, email: str) -> None:
    """409 for the same external id; for the same e-mail only where one of the two has no
    external id to tell them apart, or setting `email_conflicts` is on."""
    if role == "lead":
        return
    match = Q(external_id=external_id) if external_id else Q(pk=None)
    if email:
        same = Q(email__iexact=email, role="user")
        told_apart = external_id and not account.setting("email_conflicts")
        match |= same & Q(external_id="") if told_apart else same
    twin = Contact.objects.filter(match, account=account, merged_into=None).first()
    if twin is None:
        return
    if twin.blocked:
        raise ApiError(409, "not_restorable", "This contact has been blocked")
    message = (ARCHIVED if twin.archived else EXISTS).format(twin.vendor_id)
    raise ApiError(409, "conflict", message)


def _fields(call: Call) -> Json:
    values: Json = {
        ours: call.text(theirs, required=False)
        for theirs, ours in FIELDS.items()
        if theirs in call.body
    }
    attributes = call.body.get("custom_attributes")
    if attributes:
        known = {a["name"] for a in call.account.setting("contact_attributes", [])}
        for name in attributes:
            if name not in known:
                raise parameter("custom_attributes", f"Custom attribute '{name}' does not exist")
        values["attributes"] = attributes
    return values


def show(call: Call, contact_id: str) -> Json:
    """GET /contacts/{id}."""
    return shapes.contact(one(call.account, contact_id))


def update(call: Call, contact_id: str) -> Json:
    """PUT /contacts/{id}."""
    contact = one(call.account, contact_id)
    for name, value in _fields(call).items():
        setattr(contact, name, value)
    if "external_id" in call.body:
        contact.external_id = call.text("external_id", required=False)
    contact.role = call.text("role", required=False) or contact.role
    others = Contact.objects.exclude(pk=contact.pk).filter(
        account=call.account, external_id=contact.external_id, merged_into=None
    )
    if contact.external_id and (twin := others.first()):
        raise ApiError(409, "conflict", EXISTS.format(twin.vendor_id))
    contact.save()
    return shapes.contact(contact)


def find_by_external_id(call: Call, external_id: str) -> Json:
    """GET /contacts/find_by_external_id/{id}: users only; archived ones are not found."""
    rows = Contact.objects.filter(account=call.account, external_id=external_id, role="user")
    contact = rows.filter(merged_into=None, archived=False).first()
    if contact:
        return shapes.contact(contact)
    if merged := rows.exclude(merged_into=None).first():
        return shapes.contact(one(call.account, merged.vendor_id))
    raise not_found("User Not Found")


def find(call: Call) -> Json:
    """POST /contacts/search: blind to the archived, the merged, and the newest (`search_lag`)."""
    before = timezone.now() - timedelta(seconds=float(call.account.setting("search_lag", 0)))
    rows = Contact.objects.filter(
        account=call.account, archived=False, merged_into=None, created_at__lte=before
    )
    found = search.select(rows.order_by("-id"), call.body.get("query"), _resolver)
    shown, pages = search.page(found, call.body.get("pagination"), default=50)
    return {
        "type": "list",
        "data": [shapes.contact(row) for row in shown],
        "total_count": len(found),
        "pages": pages,
    }


def _resolver(row: Contact) -> search.Resolve:
    values = {
        "id": row.vendor_id,
        "role": row.role,
        "name": row.name,
        "email": row.email,
        "email_domain": row.email.partition("@")[2],
        "phone": row.phone,
        "external_id": row.external_id,
        "created_at": shapes.unix(row.created_at),
        "updated_at": shapes.unix(row.updated_at),
    }

    def resolve(field: str) -> Any:
        if field.startswith("custom_attributes."):
            return row.attributes.get(field.partition(".")[2])
        return values[field]

    return resolve


def _archived(contact: Contact, archived: bool) -> Json:
    contact.archived = archived
    contact.save()
    return shapes.contact_reference(contact) | {"archived": archived}


def archive(call: Call, contact_id: str) -> Json:
    """POST /contacts/{id}/archive."""
    return _archived(one(call.account, contact_id), True)


def unarchive(call: Call, contact_id: str) -> Json:
    """POST /contacts/{id}/unarchive."""
    return _archived(one(call.account, contact_id), False)


def delete(call: Call, contact_id: str) -> Json:
    """DELETE /contacts/{id}."""
    contact = one(call.account, contact_id)
    answer = shapes.contact_reference(contact) | {"deleted": True}
    contact.delete()
    return answer


def merge(call: Call) -> Json:
    """POST /contacts/merge `{"from", "into"}`: a lead into a user."""
    source, into = one(call.account, call.text("from")), one(call.account, call.text("into"))
    if source.role != "lead" or into.role != "user":
        raise parameter("from", "Only a lead can be merged into a user")
    join(source, into)
    return shapes.contact(into)


@transaction.atomic
def join(source: Contact, into: Contact) -> None:
    """Make one contact of two; the conversations move along."""
    source.merged_into = into
    source.save()
    source.tickets.update(contact=into)
