"""HubSpot's Files: uploads, and signed addresses of private ones."""

from __future__ import annotations

import json
import mimetypes
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from sandbox import files
from sandbox.models import Account, StoredFile
from sandbox.vendors.hubspot.http import ApiError, Call, invalid, needs, not_found, unsupported
from sandbox.vendors.hubspot.shapes import base_url, stamp

Json = dict[str, Any]
ACCESS = (
    "HIDDEN_INDEXABLE HIDDEN_NOT_INDEXABLE HIDDEN_PRIVATE HIDDEN_SENSITIVE PRIVATE "
    "PUBLIC_INDEXABLE PUBLIC_NOT_INDEXABLE SENSITIVE"
).split()
TTL = re.compile(r"P(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?")
SALT = "hubspot-file"
LONGEST_SIGNED = 7 * 24 * 3600


@needs("files", "files.write")
def upload(call: Call) -> Json:
    """POST /, multipart: file, folderPath or folderId, fileName, options."""
    if call.request.content_type != "multipart/form-data":
        raise unsupported()
    form, sent = call.request.POST, call.request.FILES.get("file")
    if sent is None:
        raise invalid("file is required")
    if not form.get("folderPath") and not form.get("folderId"):
        raise invalid("Either folderPath or folderId is required")
    access, ttl = _options(form.get("options", ""))
    data = sent.read()
    name = form.get("fileName") or sent.name or "file"
    if "." not in name:
        name += PurePosixPath(sent.name or "").suffix
    owner = f"{call.account.pk}-{'open' if access.startswith('PUBLIC') else 'own'}"
    stored = files.store(name, data, sent.content_type or "", ttl, owner=owner)
    return _shown(call.account, stored, access)


def _options(text: str) -> tuple[str, float | None]:
    """Access and seconds to live, from the JSON in the field `options`."""
    try:
        options = json.loads(text)
        access, ttl = str(options["access"]), options.get("ttl")
    except (ValueError, TypeError, KeyError):
        raise invalid("options: JSON with access is required") from None
    if access not in ACCESS:
        raise invalid(f"Invalid access: {access}")
    if ttl is None:
        return access, None
    match = TTL.fullmatch(str(ttl))
    months, weeks, days = (int(n or 0) for n in match.groups()) if match else (0, 0, 0)
    whole = 30 * months + 7 * weeks + days
    if not 1 <= whole <= 366:
        raise invalid("ttl must be between one day and one year")
    return access, whole * 86400.0


def _one(account: Account, file_id: str) -> StoredFile:
    """The portal's file of that id."""
    rows = StoredFile.objects.filter(token__startswith=f"{account.pk}-")
    stored = rows.filter(pk=int(file_id)).first() if file_id.isdecimal() else None
    if stored is None or (stored.expires_at and stored.expires_at < timezone.now()):
        raise not_found(f"File {file_id} not found")
    return stored


def attachment(account: Account, file_id: str) -> Json:
    """The file as a message's attachment. Raises ApiError if there is none."""
    try:
        return files.attachment(_one(account, file_id))
    except ApiError:
        raise invalid(f"File {file_id} does not exist") from None


def _is_public(stored: StoredFile) -> bool:
    return "-open-" in stored.token


def _shown(account: Account, stored: StoredFile, access: str = "") -> Json:
    path = PurePosixPath(stored.name)
    made = stamp(stored.created_at)
    private = f"{base_url(account)}/filemanager/api/v2/files/{stored.pk}/signed-url-redirect"
    shown = {
        "id": str(stored.pk),
        "createdAt": made,
        "updatedAt": made,
        "archived": False,
        "name": path.stem,
        "extension": path.suffix.removeprefix("."),
        "type": _family(stored),
        "size": len(stored.data),
        "access": access or ("PUBLIC_NOT_INDEXABLE" if _is_public(stored) else "PRIVATE"),
        "url": files.url_of(stored) if _is_public(stored) else private,
        "isUsableInContent": False,
    }
    if stored.expires_at:
        shown["expiresAt"] = int(stored.expires_at.timestamp() * 1000)
    return shown


def _family(stored: StoredFile) -> str:
    kind = stored.content_type or mimetypes.guess_type(stored.name)[0] or ""
    known = {"image": "IMG", "audio": "AUDIO", "video": "MOVIE", "text": "DOCUMENT"}
    return known.get(kind.partition("/")[0], "DOCUMENT" if "pdf" in kind else "OTHER")


@needs("files", "files.read")
def show(call: Call, file_id: str) -> Json:
    """GET /{fileId}."""
    return _shown(call.account, _one(call.account, file_id))


@needs("files", "files.delete")
def delete(call: Call, file_id: str) -> None:
    """DELETE /{fileId}."""
    _one(call.account, file_id).delete()


@needs("files", "files.read")
def sign(call: Call, file_id: str) -> Json:
    """GET /{fileId}/signed-url?expirationSeconds="""
    stored = _one(call.account, file_id)
    seconds = call.number("expirationSeconds", 600)
    if not 0 < seconds <= LONGEST_SIGNED:
        raise invalid("expirationSeconds is out of range")
    path = PurePosixPath(stored.name)
    return {
        "url": _signed(call.account, stored, seconds),
        "expiresAt": stamp(datetime.now(UTC) + timedelta(seconds=seconds)),
        "size": len(stored.data),
        "name": path.stem,
        "extension": path.suffix.removeprefix("."),
        "type": _family(stored),
    }


def _signed(account: Account, stored: StoredFile, seconds: int) -> str:
    seal = signing.dumps([stored.pk, time.time() + seconds], salt=SALT)
    return f"{base_url(account)}/signed-files/{quote(seal)}/{quote(stored.name)}"


@needs("files", "files.read")
def follow(call: Call, file_id: str) -> HttpResponse:
    """GET /filemanager/.../signed-url-redirect: where attachments point, for HubSpot's users."""
    return redirect(_signed(call.account, _one(call.account, file_id), 600))


def download(request: HttpRequest, account: str, seal: str, name: str) -> HttpResponse:
    """GET a signed address: it needs no token, and dies."""
    try:
        file_id, until = signing.loads(seal, salt=SALT)
    except signing.BadSignature:
        return HttpResponse("SignatureDoesNotMatch", status=403, content_type="text/plain")
    stored = StoredFile.objects.filter(pk=file_id).first()
    if until < time.time() or stored is None:
        return HttpResponse("Request has expired", status=403, content_type="text/plain")
    response = HttpResponse(bytes(stored.data), content_type=stored.content_type)
    response["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(stored.name)}"
    return response
