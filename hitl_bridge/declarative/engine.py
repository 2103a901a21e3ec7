"""Making the database as a file declares it: all of it or nothing, and again as often as wanted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction

import providers
from hitl_bridge import audit, changes, options
from hitl_bridge.audit import Who
from hitl_bridge.declarative.document import Document, Section
from hitl_bridge.declarative.report import Change, Report
from hitl_bridge.declarative.schema import (
    ApiKeyDeclaration,
    AppDeclaration,
    BotDeclaration,
    InstallationDeclaration,
    TenantDeclaration,
    Values,
    read,
)
from hitl_bridge.models import (
    ApiKey,
    App,
    AuditAction,
    Bot,
    Installation,
    InstallationStatus,
    Tenant,
)
from hitl_bridge.models.bots import KEY_PREFIX_LENGTH, Connector, hash_key
from providers.types import Problem

# Fields whose own validators would refuse what `schema` has let through, or that are not texts.
_CHECKED_BEFORE = (models.URLField, models.JSONField, models.TextField, models.ForeignKey)


def apply_file(path: Path, *, dry_run: bool = False, by: Who = "manage.py apply") -> Report:
    """Apply the file in one transaction; `dry_run` rolls it back, with the same report.

    Raises DeclarationError naming every fault with its line; then nothing has changed.
    """
    document = Document(path)
    tenants = read(document)
    applying = _Applying(by)
    with transaction.atomic():
        for tenant in tenants:
            applying.tenant(tenant)
        document.raise_faults()
        transaction.set_rollback(dry_run)
    return applying.report


class _Applying:
    """One run through a file; rows that belong together are handed down."""

    def __init__(self, by: Who) -> None:
        self.by = by
        self.report = Report()

    def tenant(self, declared: TenantDeclaration) -> None:
        found = Tenant.objects.filter(slug=declared.slug).first()
        row = found or Tenant(slug=declared.slug)
        if not self._store(
            row, declared.section, "tenant", declared.slug, declared.columns, new=not found
        ):
            return
        for app in declared.apps:
            self.app(row, app)
        for bot in declared.bots:
            self.bot(row, bot)

    def app(self, tenant: Tenant, declared: AppDeclaration) -> None:
        found = App.objects.filter(tenant=tenant, slug=declared.slug).first()
        row = found or App(tenant=tenant, slug=declared.slug, provider=declared.provider)
        if not _same_provider(row.provider, declared.provider, declared.section):
            return
        columns = {
            "settings": _merged(row.settings, declared.settings),
            "credentials": _merged(row.credentials, declared.credentials),
        }
        name = f"{tenant.slug}/{declared.slug}"
        changed = _changed(row, columns) if found else []
        if self._store(row, declared.section, "app", name, columns, new=not found):
            self.report.apps.append(row)
        if changed:
            for installation in row.installations.select_related("bot"):
                changes.save_columns(installation, changes.unchecked(installation))

    def bot(self, tenant: Tenant, declared: BotDeclaration) -> None:
        found = Bot.objects.filter(tenant=tenant, slug=declared.slug).first()
        row = found or Bot(tenant=tenant, slug=declared.slug)
        columns, name = dict(declared.columns), f"{tenant.slug}/{declared.slug}"
        moved = changes.CALLBACK_COLUMNS & set(_changed(row, columns))
        reset = changes.untried() if moved else {}
        _require_address(row, columns, declared.section)
        if not self._store(row, declared.section, "bot", name, columns, reset, new=not found):
            return
        for key in declared.api_keys:
            self.api_key(row, key, f"{name}/{key.name}")
        for installation in declared.installations:
            self.installation(row, installation, f"{name}/{installation.slug}")

    def api_key(self, bot: Bot, declared: ApiKeyDeclaration, name: str) -> None:
        found = ApiKey.objects.filter(bot=bot, name=declared.name).first()
        row = found or ApiKey(bot=bot, name=declared.name)
        hashed = hash_key(declared.text)
        if row.revoked_at and row.hash == hashed:
            declared.section.fault("key", "This key has been revoked: give it another text.")
            return
        if ApiKey.objects.filter(hash=hashed).exclude(pk=row.pk).exists():
            declared.section.fault("key", "Another key has this text: each needs its own.")
            return
        # Of a short text the usual prefix would give too much away.
        prefix = declared.text[: min(KEY_PREFIX_LENGTH, len(declared.text) // 3)]
        columns = {**declared.columns, "hash": hashed, "prefix": prefix, "revoked_at": None}
        if row.hash == hashed:
            columns = declared.columns
        self._store(row, declared.section, "api key", name, columns, new=not found)

    def installation(self, bot: Bot, declared: InstallationDeclaration, name: str) -> None:
        found = Installation.objects.filter(bot=bot, slug=declared.slug).first()
        row = found or Installation(bot=bot, slug=declared.slug, provider=declared.provider)
        if not _same_provider(row.provider, declared.provider, declared.section):
            return
        columns: dict[str, Any] = {
            **declared.columns,
            "settings": _merged(row.settings, declared.settings),
            "credentials": _merged(row.credentials, declared.credentials),
            "options": options.merged(row.options, declared.options.values),
        }
        _require_offered(bot, declared)
        if declared.app is not None:
            columns["app"] = _app_of(bot, declared)
        moved = changes.CONNECTION_COLUMNS & set(_changed(row, columns))
        status = _status(row, declared.enabled)
        reset = changes.unchecked(row) if moved or status != row.status else {}
        if status != row.status:
            columns["status"] = reset["status"] = status
        if not _settings_fit(row, columns, declared):
            return
        before = dict(row.credentials)
        if self._store(row, declared.section, "installation", name, columns, reset, new=not found):
            changes.forget_grant(row, before, row.credentials)
            self.report.installations.append(row)

    def _store(
        self,
        row: models.Model,
        section: Section,
        kind: str,
        name: str,
        columns: dict[str, Any],
        reset: Mapping[str, Any] | None = None,
        *,
        new: bool,
    ) -> bool:
        """Write what differs and report it; False if a value does not fit its column.

        `reset` holds columns that follow from the change and need no word.
        """
        changed = _changed(row, columns)
        details = [detail for column in changed for detail in _details(row, column, columns)]
        for column, value in columns.items():
            setattr(row, column, value)
        if not _clean(row, ["slug" if hasattr(row, "slug") else "name", *columns], section):
            return False
        if new:
            row.save()
            self.report.changes.append(Change("created", kind, name))
            audit.record(self.by, AuditAction.CHANGED, row, did="added")
        elif changed:
            written = {column: columns[column] for column in changed}
            changes.save_columns(row, {**written, **(reset or {})})
            self.report.changes.append(Change("updated", kind, name, tuple(details)))
            audit.record(self.by, AuditAction.CHANGED, row, did="changed", fields=details)
        return True


def _changed(row: models.Model, columns: dict[str, Any]) -> list[str]:
    return [column for column, value in columns.items() if getattr(row, column) != value]


def _details(row: models.Model, column: str, columns: dict[str, Any]) -> list[str]:
    """What changed of a column, to be printed: names only, since values may be secrets."""
    old, new = getattr(row, column), columns[column]
    if column == "hash":
        return ["key"]
    if column == "prefix":
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        return [f"{column}.{name}" for name in names]
    return [column]


def _clean(row: models.Model, columns: list[str], section: Section) -> bool:
    fine = True
    for column in columns:
        field = row._meta.get_field(column)
        if not isinstance(field, models.Field) or isinstance(field, _CHECKED_BEFORE):
            continue
        try:
            field.clean(getattr(row, column), row)
        except ValidationError as error:
            section.fault(column, " ".join(error.messages))
            fine = False
    return fine


def _merged(stored: dict[str, str], declared: Values) -> dict[str, str]:
    """What is stored with what is declared on top; an empty value takes one away."""
    merged = {**stored, **declared.values}
    return {name: value for name, value in merged.items() if value != ""}


def _same_provider(stored: str, declared: str, section: Section) -> bool:
    if stored == declared:
        return True
    section.fault("provider", f"This is {stored} already: give another one another slug.")
    return False


def _require_address(row: Bot, columns: dict[str, Any], section: Section) -> None:
    def now(column: str) -> Any:
        return columns.get(column, getattr(row, column))

    if now("connector") == Connector.CALLBACK and not now("callback_url"):
        section.fault("callback_url", "The connector callback needs callback_url.")
    if now("connector") == Connector.BOTPRESS and not now("botpress_webhook_url"):
        section.fault("botpress_webhook_url", "The connector botpress needs botpress_webhook_url.")


def _require_offered(bot: Bot, declared: InstallationDeclaration) -> None:
    given = declared.options
    names = [name for name, value in given.values.items() if value != ""]
    for name, why in options.misplaced(bot, names).items():
        if given.section:
            given.section.fault(name, why)


def _app_of(bot: Bot, declared: InstallationDeclaration) -> App | None:
    if not declared.app:
        return None
    app = App.objects.filter(tenant=bot.tenant_id, slug=declared.app).first()
    if app is None:
        declared.section.fault("app", f"The tenant has no app {declared.app}.")
    elif app.provider != declared.provider:
        declared.section.fault("app", f"{declared.app} is an app of {app.provider}.")
    return app


def _status(row: Installation, enabled: bool | None) -> str:
    if enabled is False:
        return InstallationStatus.DISABLED
    if enabled and row.status == InstallationStatus.DISABLED:
        return InstallationStatus.NEW
    return row.status


def _settings_fit(
    row: Installation, columns: dict[str, Any], declared: InstallationDeclaration
) -> bool:
    """Ask the adapter whether what comes of it all makes sense; False and faults if not."""
    app: App | None = columns.get("app", row.app)
    adapter = providers.get(row.provider)
    problems = adapter.validate(
        {**(app.settings if app else {}), **columns["settings"]},
        {**(app.credentials if app else {}), **columns["credentials"]},
    )
    for problem in problems:
        _fault(declared, problem, [item.name for item in adapter.settings_fields])
    return not problems


def _fault(declared: InstallationDeclaration, problem: Problem, settings: list[str]) -> None:
    """Say a problem at its field's line; at the mapping's or the installation's if it is absent."""
    of_settings = problem.field in settings
    values, name = (
        (declared.settings, "settings") if of_settings else (declared.credentials, "credentials")
    )
    if values.section:
        values.section.fault(problem.field, problem.message)
    else:
        declared.section.fault(f"{name}.{problem.field}", problem.message)
