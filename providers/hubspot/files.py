"""Files: ours go to HubSpot's Files, private and for a while; agents' come by signed addresses.

https://developers.hubspot.com/docs/api-reference/files-files-v3/guide
"""

from __future__ import annotations

import json

from providers.base import Connection, Journal, repeatable
from providers.errors import Gone, Permanent
from providers.http import error_for_status, segment
from providers.hubspot.api import HubSpotApi, parsed
from providers.hubspot.declaration import MAX_FILE_BYTES
from providers.hubspot.events import FILE_MARK
from providers.hubspot.models import File, SignedUrl
from providers.media import fetched
from providers.render import MediaPiece
from providers.types import JsonObject

FOLDER = "/hitl-bridge"
OPTIONS = json.dumps({"access": "PRIVATE", "ttl": "P30D"})
USAGES = {"image": "IMAGE", "audio": "AUDIO"}
SIGNED_FOR = "600"  # seconds


class FileStore:
    """Uploads and downloads in the name of one installation."""

    def __init__(self, connection: Connection, api: HubSpotApi) -> None:
        self._connection = connection
        self._api = api

    def upload(self, piece: MediaPiece, journal: Journal, step: str) -> JsonObject | None:
        """The piece as an attachment; None if it can't be had, is too large, or is refused."""
        file_id = journal.once(step, lambda: self._upload(piece), repeatable)
        if not file_id:
            return None
        usage = USAGES.get(piece.kind, "OTHER")
        return {"type": "FILE", "fileId": file_id, "fileUsageType": usage}

    def _upload(self, piece: MediaPiece) -> str:
        file = fetched(self._connection, piece, max_bytes=MAX_FILE_BYTES)
        if not file:
            return ""
        data = {"folderPath": FOLDER, "fileName": piece.filename, "options": OPTIONS}
        try:
            answer = self._api.call("POST", "files", data=data, files={"file": file})
        except Permanent:
            return ""
        return parsed(File, answer).id

    def fetch(self, url: str) -> tuple[bytes, str] | None:
        """An agent's file by its signed address; None if it needs none or HubSpot gives none."""
        _, mark, file_id = url.rpartition(FILE_MARK)
        if not mark:
            return None
        path = f"/{segment(file_id)}/signed-url"
        try:
            answer = self._api.call("GET", "files", path, params={"expirationSeconds": SIGNED_FOR})
        except (Permanent, Gone):
            return None
        file = self._api.download(parsed(SignedUrl, answer).url)
        if not file.ok:
            said = f"HubSpot's file can't be read ({file.status})."
            raise error_for_status(file.status, said, safe=True)
        return file.content, file.media_type or "application/octet-stream"
