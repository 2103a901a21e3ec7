"""What applying a file did, for people and for programs. Secrets are named, never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from hitl_bridge.models import App, Installation


@dataclass(frozen=True, slots=True)
class Change:
    """One row that was made or changed."""

    action: Literal["created", "updated"]
    kind: str  # tenant, app, bot, api key, installation
    name: str  # the slugs that lead to it: acme/helper/support
    fields: tuple[str, ...] = ()  # what changed, of a row that there was

    def __str__(self) -> str:
        sign = "+" if self.action == "created" else "~"
        fields = f": {', '.join(self.fields)}" if self.fields else ""
        return f"{sign} {self.kind} {self.name}{fields}"

    def as_json(self) -> dict[str, Any]:
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "fields": list(self.fields),
        }


@dataclass
class Report:
    """All changes, and the installations and apps that the file declares."""

    changes: list[Change] = field(default_factory=list)
    installations: list[Installation] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        if not self.changes:
            return ["no changes"]
        made = {change.name for change in self.changes if change.action == "created"}
        lines = [str(change) for change in self.changes]
        for installation in self.installations:
            name = name_of(installation)
            if name in made:
                address = _app_address(installation) or installation.webhook_url
                lines.append(f"  webhook address of {name}: {address}")
        return lines

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "changes": [change.as_json() for change in self.changes],
            "installations": [_installation(row) for row in self.installations],
            "apps": [_app(row) for row in self.apps],
        }


def name_of(installation: Installation) -> str:
    """The slugs that lead to an installation."""
    bot = installation.bot
    return f"{bot.tenant.slug}/{bot.slug}/{installation.slug}"


def _app_address(installation: Installation) -> str | None:
    return installation.app.webhook_url if installation.app else None


def _installation(row: Installation) -> dict[str, Any]:
    return {
        "id": row.id,
        "tenant": row.bot.tenant.slug,
        "bot": row.bot.slug,
        "slug": row.slug,
        "provider": row.provider,
        "status": str(row.status),
        "webhook_url": row.webhook_url,
        "app_webhook_url": _app_address(row),
        "botpress_url": row.botpress_url,
    }


def _app(row: App) -> dict[str, Any]:
    return {
        "tenant": row.tenant.slug,
        "slug": row.slug,
        "provider": row.provider,
        "webhook_url": row.webhook_url,
    }
