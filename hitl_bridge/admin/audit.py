from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from unfold.contrib.filters.admin import RangeDateTimeFilter

from hitl_bridge import audit
from hitl_bridge.admin.base import ReadOnlyAdmin, two_lines
from hitl_bridge.models import AuditAction, AuditEntry

COLUMNS = (
    "id", "at", "tenant", "actor_name", "ip", "action", "target_type", "target_id",
    "target_label", "details",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Echo:
    """What csv writes to; it hands the line back."""

    def write(self, line: str) -> str:
        return line


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what; nobody changes it."""

    tenant_path = "tenant"
    list_display = ("at", "actor_name", "show_what", "target_type", "target_label", "tenant", "ip")
    list_select_related = ("tenant",)
    list_filter = ("action", "tenant", "actor", "target_type", ("at", RangeDateTimeFilter))
    search_fields = ("actor_name", "target_id", "target_label", "ip")
    search_help_text = "Who, an object's id or name, or an address"
    date_hierarchy = "at"
    actions = ("export_csv", "export_json")
    fields = readonly_fields = (
        "at", "actor_name", "actor", "action", "target_type", "target_id", "target_label",
        "details", "tenant", "ip",
    )  # fmt: skip

    @admin.display(description="What", ordering="action")
    def show_what(self, obj: AuditEntry) -> Any:
        """The action, and more exactly where the details say so."""
        did = str(obj.details.get("did") or ", ".join(obj.details.get("changes") or ()))
        return two_lines(obj.get_action_display(), did) if did else obj.get_action_display()

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> Any:
        """Filter the list, choose all, and get it as a file."""
        writer = csv.writer(_Echo())
        rows = (writer.writerow([_cell(value) for value in row]) for row in _rows(queryset))
        return _file(request, queryset, "csv", _with_head(writer.writerow(COLUMNS), rows))

    @admin.action(description="Export as JSON", permissions=["view"])
    def export_json(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> Any:
        """One object a line."""
        lines = (
            json.dumps(dict(zip(COLUMNS, row, strict=True)), ensure_ascii=False) + "\n"
            for row in _rows(queryset)
        )
        return _file(request, queryset, "json", lines)


def _rows(queryset: QuerySet[AuditEntry]) -> Iterator[list[Any]]:
    for entry in queryset.select_related("tenant").order_by("pk").iterator(1000):
        tenant = entry.tenant.slug if entry.tenant else ""
        yield [
            entry.pk, entry.at.isoformat(), tenant, entry.actor_name, entry.ip or "",
            entry.action, entry.target_type, entry.target_id, entry.target_label, entry.details,
        ]  # fmt: skip


def _cell(value: Any) -> str:
    """A cell that begins like a formula would run in the spreadsheet of whoever opens it."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _with_head(head: Any, rows: Iterator[Any]) -> Iterator[str]:
    yield str(head)
    yield from rows


def _file(
    request: HttpRequest, queryset: QuerySet[AuditEntry], kind: str, lines: Iterator[str]
) -> StreamingHttpResponse:
    person: Any = request.user
    audit.record(request, AuditAction.EXPORTED, person, what="audit log", rows=queryset.count())
    type_ = "text/csv" if kind == "csv" else "application/x-ndjson"
    headers = {
        "Content-Disposition": f'attachment; filename="audit.{kind}"',
        "Cache-Control": "no-store",
    }
    return StreamingHttpResponse(lines, content_type=f"{type_}; charset=utf-8", headers=headers)
