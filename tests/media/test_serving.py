"""Serving agents' files: to whoever has the address, and so that nothing in them runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import transaction
from django.http import FileResponse
from django.test import AsyncRequestFactory, Client

from conversations import media as view
from conversations.flows import media
from conversations.flows.inbound import apply
from conversations.models import Conversation, MediaFile, Message
from providers.types import AgentMessage, MessageRedacted
from tests import factories, fake_desk
from tests.fake_desk import Desk

Files = Callable[[], list[Path]]
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 50_000


@pytest.fixture
def keep(session: Conversation) -> Callable[..., MediaFile]:
    def keep(name: str = "cat.png", content: bytes = PNG, position: int = 0) -> MediaFile:
        return media.store(session, "in:p1:0", position, name, content)

    return keep


def path_of(kept: MediaFile) -> str:
    return media.address(kept).removeprefix("https://bridge.example.com")


def test_a_picture_is_shown_and_kept_from_doing_anything(
    keep: Callable[..., MediaFile], client: Client
) -> None:
    answer = client.get(path_of(keep()), secure=True)
    assert b"".join(answer) == PNG
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Disposition"] == 'inline; filename="cat.png"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "private" in answer["Cache-Control"]
    assert not answer.cookies


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", b"<!doctype html><script>alert(1)</script>"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        ("picture.png", b"<html>not a picture</html>"),
        ("data.xml", b"<?xml version='1.0'?><a/>"),
        ("script.js", b"alert(1)"),
    ],
)
def test_what_could_run_is_offered_as_a_download_without_a_type(
    keep: Callable[..., MediaFile], client: Client, name: str, content: bytes
) -> None:
    answer = client.get(path_of(keep(name, content)), secure=True)
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert b"".join(answer) == content


@pytest.mark.parametrize(
    ("content", "type_", "shown"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg", "inline"),
        (b"GIF89a", "image/gif", "inline"),
        (b"RIFF\x0a\x00\x00\x00WEBPVP8 ", "image/webp", "inline"),
        (b"ID3\x04", "audio/mpeg", "inline"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4", "inline"),
        (b"OggS", "audio/ogg", "inline"),
        (b"%PDF-1.7", "application/pdf", "attachment"),
        (b"PK\x03\x04", "application/octet-stream", "attachment"),
        (b"", "application/octet-stream", "attachment"),
    ],
)
def test_the_type_follows_the_contents(
    keep: Callable[..., MediaFile], client: Client, content: bytes, type_: str, shown: str
) -> None:
    answer = client.get(path_of(keep("a.html", content)), secure=True)
    answer.close()
    assert answer["Content-Type"] == type_
    assert answer["Content-Disposition"].startswith(f"{shown};")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etcpasswd.png"),
        ("..", "file.png"),
        ("", "file.png"),
        ('a"\r\nSet-Cookie: x=1.png', "aSet-Cookie_x1.png"),
        ("Фото кота.png", "Фото_кота.png"),
        ("x" * 300 + ".png", "x" * 100 + ".png"),
        ("no ending", "no_ending.png"),
    ],
)
def test_a_file_name_is_only_a_name(
    keep: Callable[..., MediaFile], client: Client, name: str, safe: str
) -> None:
    kept = keep(name)
    assert kept.name == safe
    answer = client.get(path_of(kept), secure=True)
    answer.close()
    assert answer.status_code == 200


def test_a_wrong_signature_finds_nothing(keep: Callable[..., MediaFile], client: Client) -> None:
    kept, other = keep(), keep(position=1)
    _, _, _, signature, name = path_of(other).split("/")
    for wrong in ("x", signature, signature[:-1], "é", "%00"):
        assert client.get(f"/media/{kept.id}/{wrong}/{name}", secure=True).status_code == 404
    assert client.get(f"/media/{kept.id}", secure=True).status_code == 404
    assert client.get("/media/", secure=True).status_code == 404


def test_only_reading_is_possible(keep: Callable[..., MediaFile], client: Client) -> None:
    path = path_of(keep())
    assert client.post(path, secure=True).status_code == 405
    assert client.delete(path, secure=True).status_code == 405
    head = client.head(path, secure=True)
    assert head.status_code == 200
    assert head.content == b""
    assert head["Content-Length"] == str(len(PNG))
    assert head["Content-Type"] == "image/png"


def test_asgi_streams_without_reading_the_file_whole(keep: Callable[..., MediaFile]) -> None:
    path = path_of(keep())
    _, _, id_, signature, name = path.split("/")
    response = view.serve(AsyncRequestFactory().get(path), id_, signature, name)
    assert isinstance(response, FileResponse)
    assert response.is_async

    async def read() -> list[bytes]:
        return [chunk async for chunk in response]

    chunks = asyncio.run(read())
    response.close()
    assert b"".join(chunks) == PNG
    assert max(map(len, chunks)) == view.CHUNK


def test_a_file_that_is_gone_is_not_found(
    keep: Callable[..., MediaFile], client: Client, files: Files
) -> None:
    path = path_of(keep())
    for file in files():
        file.unlink()
    assert client.get(path, secure=True).status_code == 404


def test_a_file_lies_where_its_name_and_type_mean_nothing(
    keep: Callable[..., MediaFile], files: Files
) -> None:
    keep("page.html", b"<html>")
    (file,) = files()
    assert file.suffix == ""
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_message_deleted_at_the_help_desk_loses_its_files_here(
    say: Callable[..., AgentMessage],
    desk: Desk,
    session: Conversation,
    client: Client,
    files: Files,
) -> None:
    desk.files["https://desk.example/a.png"] = PNG
    say(("image", {"imageUrl": "https://desk.example/a.png"}), key="p1")
    say(("image", {"imageUrl": "https://desk.example/a.png"}), key="p2")
    path = path_of(MediaFile.objects.get(conversation=session, message_key="in:p1:0"))
    gone = MessageRedacted(remote_id="t1", key="r1", at=fake_desk.NOW, message_key="p1")
    with transaction.atomic():
        session.refresh_from_db()
        apply(session, [gone])
    assert client.get(path, secure=True).status_code == 404
    assert len(files()) == 1
    assert [m.payload for m in Message.objects.filter(effect_key="in:p1:0")] == [{}]


def test_files_are_deleted_with_their_rows(keep: Callable[..., MediaFile], files: Files) -> None:
    keep(position=0)
    keep(position=1)
    assert media.delete_files(MediaFile.objects.filter(position=0)) == 1
    assert len(files()) == 1
    assert MediaFile.objects.count() == 1


@pytest.mark.parametrize("owner", ["conversation", "tenant"])
def test_a_deleted_owner_takes_its_files_along(
    keep: Callable[..., MediaFile],
    files: Files,
    owner: str,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    kept = keep()
    other = media.store(factories.conversation(), "in:p1:0", 0, "b.png", PNG)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        getattr(kept, owner).delete()
    assert [file.name for file in files()] == [Path(str(other.file.name)).name]
