"""`manage.py providers`: what each help desk needs and can do."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

import providers
from providers.base import Provider
from providers.types import Field

_AFTER_END = {"note": "by a note", "whileOpen": "by a message, while the chat is open"}


class Command(BaseCommand):
    """Prints what the adapters declare."""

    help = "List each help desk's fields, capabilities and webhook topics."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="For programs.")

    def handle(self, *args: Any, **options: Any) -> None:
        adapters = [providers.get(slug) for slug in providers.PROVIDERS]
        if options["json"]:
            described = {adapter.slug: describe(adapter) for adapter in adapters}
            self.stdout.write(json.dumps(described, indent=2))
            return
        for adapter in adapters:
            for line in _readable(describe(adapter)):
                self.stdout.write(line)


def describe(adapter: type[Provider]) -> dict[str, Any]:
    """An adapter's declaration as plain values."""
    return {
        "slug": adapter.slug,
        "label": adapter.label,
        "docs_url": adapter.docs_url,
        "settings": [_field(item) for item in adapter.settings_fields],
        "credentials": [_field(item) for item in adapter.credential_fields],
        "capabilities": asdict(adapter.capabilities),
        "webhook_topics": list(adapter.webhook_topics),
    }


def _field(item: Field) -> dict[str, Any]:
    return {
        "name": item.name,
        "label": item.label,
        "help": item.help,
        "link": item.link,
        "secret": item.secret,
        "required": item.required,
        "default": item.default,
        "choices": [{"value": value, "label": label} for value, label in item.choices],
        "picker": item.picker,
        "level": "app or installation" if item.app_level else "installation",
    }


def _readable(described: dict[str, Any]) -> Iterator[str]:
    yield f"{described['label']} ({described['slug']})"
    for part in ("settings", "credentials"):
        yield f"  {part}:"
        width = max((len(item["name"]) for item in described[part]), default=0)
        for item in described[part]:
            yield f"    {item['name']:{width}}  {_marks(item)}"
            yield f"    {'':{width}}  {item['help']}"
    can = [_word(name) for name, value in described["capabilities"].items() if value is True]
    cannot = [_word(name) for name, value in described["capabilities"].items() if value is False]
    yield f"  can: {', '.join(can)}"
    yield f"  can't: {', '.join(cannot)}"
    yield f"  transcript as: {described['capabilities']['transcript']}"
    after_end = _AFTER_END[described["capabilities"]["tells_after_end"]]
    yield f"  tells agents after the end: {after_end}"
    yield f"  hitlSession keys: {', '.join(described['capabilities']['session_keys']) or 'none'}"
    yield f"  webhook topics: {', '.join(described['webhook_topics']) or 'none'}"
    yield ""


def _marks(item: dict[str, Any]) -> str:
    """The field's label and what is special about it, in one line."""
    values = ", ".join(choice["value"] for choice in item["choices"])
    marks = [
        "required" if item["required"] else "optional",
        "secret" if item["secret"] else "",
        f"one of {values}" if values else "",
        f"default {item['default']}" if item["default"] else "",
        "picked from a list in the admin" if item["picker"] else "",
        "may stand in an app" if item["level"] != "installation" else "",
    ]
    return f"{item['label']}: {'; '.join(filter(None, marks))}"


def _word(name: str) -> str:
    return name.replace("_", " ")
