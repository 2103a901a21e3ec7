"""The customer as an Intercom contact, found by our own user id and by nothing else.

An e-mail address proves nothing: whoever claims one would speak as the customer it belongs to.
"""

from __future__ import annotations

import re
from typing import Any

from providers.errors import Permanent, Retry
from providers.http import Response, segment
from providers.intercom.api import (
    IntercomApi,
    canonical_contact,
    first_error,
    parsed,
)
from providers.intercom.models import Contact, Contacts
from providers.types import Person

SEARCH_AGAIN = 15.0  # seconds; the index lags, up to minutes
_EXISTING_ID = re.compile(r"\bid=([A-Za-z0-9]+)")


class ContactBook:
    """Finds and makes contacts."""

    def __init__(self, api: IntercomApi) -> None:
        self._api = api

    def resolve(self, person: Person) -> str:
        """The id of the person's contact, made if there is none. Safe to repeat."""
        return self.find(person.id) or self._create(person)

    def find(self, external_id: str) -> str:
        """The contact of that external id, as it is called after merges; empty if there is none."""
        path = f"/contacts/find_by_external_id/{segment(external_id)}"
        answer = self._api.call("GET", path, allow=(404, 410))
        if answer.ok:
            return parsed(Contact, answer).id
        return canonical_contact(answer)

    def current(self, contact_id: str, person: Person) -> str:
        """The id of a contact that an answer called unknown: merged, or gone and made again."""
        answer = self._api.call("GET", f"/contacts/{segment(contact_id)}", allow=(404, 410))
        return canonical_contact(answer) or self.resolve(person)

    def _create(self, person: Person) -> str:
        known = {
            "email": person.email,
            "name": person.name,
            "phone": person.phone,
            "avatar": person.picture_url,
        }
        least = {"role": "user", "external_id": person.id}
        answer = self._post(least | {name: value for name, value in known.items() if value})
        if answer.status in (400, 422):
            # A phone number or picture that Intercom finds wrong must not cost the session.
            answer = self._post(least | {"name": person.name})
        if answer.status == 409 and not self._is_ours(answer, person):
            # Somebody else's contact has this e-mail or phone: leave it alone, and them out.
            answer = self._post(least | {"name": person.name})
        if answer.ok:
            return parsed(Contact, answer).id
        if answer.status == 409:
            return self._existing(answer, person)
        raise Permanent("Intercom does not take this user as a contact.", status=answer.status)

    def _post(self, body: dict[str, Any]) -> Response:
        answer = self._api.call("POST", "/contacts", json=body, allow=(400, 409, 422))
        if answer.status == 409 and first_error(answer).code == "not_restorable":
            raise Permanent("Intercom has blocked this contact.", code="not_restorable", status=409)
        return answer

    def _is_ours(self, conflict: Response, person: Person) -> bool:
        """Whether the contact that the 409 names has our external id."""
        contact_id = _existing_id(conflict)
        if not contact_id:
            return False
        answer = self._api.call("GET", f"/contacts/{segment(contact_id)}", allow=(404, 410))
        return answer.ok and parsed(Contact, answer).external_id == person.id

    def _existing(self, conflict: Response, person: Person) -> str:
        """The contact with our external id, which stood in the way; unarchived if need be."""
        contact_id = _existing_id(conflict) or self._search(person.id)
        if not contact_id:
            raise Retry(
                "Intercom knows this user, but can't find them yet.",
                retry_after=SEARCH_AGAIN,
                code="conflict",
                status=409,
            )
        if "archived" in first_error(conflict).message.lower():
            self._api.call("POST", f"/contacts/{segment(contact_id)}/unarchive")
        return contact_id

    def _search(self, external_id: str) -> str:
        query = {"field": "external_id", "operator": "=", "value": external_id}
        found = self._api.read(
            Contacts,
            "POST",
            "/contacts/search",
            json={"query": {"operator": "AND", "value": [query]}},
            safe=True,
        )
        users = [contact for contact in found.data if contact.external_id == external_id]
        return users[0].id if users else ""


def _existing_id(conflict: Response) -> str:
    found = _EXISTING_ID.search(first_error(conflict).message)
    return found[1] if found else ""
