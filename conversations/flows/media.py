"""Files of agents' messages: kept once, found by a signed address, deleted for good."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.signing import BadSignature, Signer
from django.db.models import QuerySet
from django.utils.text import get_valid_filename

from conversations.flows import file_types
from conversations.models import Conversation, MediaFile
from hitl_bridge.ids import new_token

_SIGNER = Signer(salt="conversations.media")
_MAX_STEM, _MAX_SUFFIX = 100, 20


def store(
    conversation: Conversation, message_key: str, position: int, name: str, content: bytes
) -> MediaFile:
    """Keep a file; storing the same one again (same message, same position) replaces it.

    Raises OSError where it can't be written.
    """
    kept, _ = MediaFile.objects.get_or_create(
        conversation=conversation,
        message_key=message_key,
        position=position,
        defaults={
            "tenant_id": conversation.tenant_id,
            "file": f"{conversation.tenant_id}/{new_token()}",
        },
    )
    path, storage = str(kept.file.name), kept.file.storage
    storage.delete(path)  # what an attempt that crashed may have left
    kept.file.name = storage.save(path, ContentFile(content))
    type_ = file_types.of_content(content)
    kept.name, kept.content_type, kept.size = _safe(name, type_), type_.content_type, len(content)
    kept.save(update_fields=["file", "name", "content_type", "size"])
    return kept


def stored(conversation: Conversation, message_key: str, position: int) -> MediaFile | None:
    """The file that has been kept for this place, if it was written to its end."""
    return MediaFile.objects.filter(
        conversation=conversation, message_key=message_key, position=position, size__isnull=False
    ).first()


def address(kept: MediaFile) -> str:
    """Where anyone who has this very address reads the file, for as long as we keep it."""
    signature = _SIGNER.signature(kept.id)
    return f"{settings.PUBLIC_URL}/media/{kept.id}/{signature}/{quote(kept.name)}"


def is_ours(url: str) -> bool:
    """Whether the address is one that `address` made (or looks like it)."""
    return url.startswith(f"{settings.PUBLIC_URL}/media/")


def signed(id_: str, signature: str) -> MediaFile | None:
    """The file of an address; None if the signature is wrong or the file is gone."""
    try:
        _SIGNER.unsign(f"{id_}{_SIGNER.sep}{signature}")
    except BadSignature:
        return None
    return MediaFile.objects.filter(id=id_, size__isnull=False).first()


def delete_files(files: QuerySet[MediaFile]) -> int:
    """Delete files and rows; returns how many.

    Each file goes ahead of its row, so that a crash in between leaves the row to find it by.
    """
    count = 0
    for kept in files:
        kept.file.delete(save=False)
        kept.delete()
        count += 1
    return count


def _safe(name: str, type_: file_types.FileType) -> str:
    """A file name without anything that has a meaning in a path, a header or an address."""
    try:
        clean = PurePosixPath(get_valid_filename(name).lstrip("."))
    except SuspiciousFileOperation:
        clean = PurePosixPath()
    suffix = clean.suffix[:_MAX_SUFFIX] or type_.suffix
    return (clean.stem[:_MAX_STEM] or "file") + suffix
