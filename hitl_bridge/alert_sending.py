"""How alerts leave: by e-mail and as signed webhooks. They name things and hold no contents.

What a vendor or a bot answered is not in them either: it stands in the admin, where alerts lead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.admin.utils import quote
from django.core.mail import EmailMessage
from django.urls import reverse
from standardwebhooks.webhooks import Webhook

from hitl_bridge.models import Alert, AlertKind, AlertNotice, Tenant
from hitl_bridge.models.alerts import NoticeAudience, NoticeChannel, NoticePhase
from hitl_bridge.outgoing import http_client
from providers.errors import ProviderError

TIMEOUT = 10.0  # seconds for one webhook
MAX_ANSWER_BYTES = 16 * 1024

# kind -> what it means, and the chapter of docs/operations.md that says what to do
EXPLAINED = {
    AlertKind.RECONNECT: (
        "The help desk refuses our access. Messages wait until somebody connects it again.",
        "installation-must-be-connected-again",
    ),
    AlertKind.CONFIG: (
        "The help desk refuses a setting. Messages wait until somebody mends it.",
        "installation-needs-mending",
    ),
    AlertKind.DESK_AWAY: (
        "The help desk does not answer or answers with errors. Messages wait and are tried again.",
        "help-desk-out-of-reach",
    ),
    AlertKind.BOT_AWAY: (
        "The bot's address does not answer or answers with errors. Events wait, nothing is lost.",
        "bot-out-of-reach",
    ),
    AlertKind.CALLBACKS_OFF: (
        "The bot answered 410 Gone. Events wait until somebody switches callbacks on again.",
        "callbacks-switched-off",
    ),
    AlertKind.DEAD_LETTERS: (
        "Something could not be delivered and waits for a decision: retry it, or drop it.",
        "dead-letters",
    ),
}
BEGINS = {
    NoticePhase.OPENED: "",
    NoticePhase.REMINDER: "Still: ",
    NoticePhase.SOLVED: "Solved: ",
}


class NotSent(Exception):
    """It could not be sent; the text says why in a sentence, without secrets."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where somebody wants to be told."""

    emails: list[str]
    webhook_url: str
    webhook_secret: str = field(repr=False)

    @property
    def channels(self) -> list[NoticeChannel]:
        """The ways that are set."""
        ways = {NoticeChannel.EMAIL: self.emails, NoticeChannel.WEBHOOK: self.webhook_url}
        return [channel for channel, way in ways.items() if way]


def destination(audience: str, tenant: Tenant) -> Destination:
    """The tenant's own settings, or the platform's, which come from the environment."""
    if audience == NoticeAudience.TENANT:
        return Destination(
            tenant.alert_addresses, tenant.alert_webhook_url, tenant.alert_webhook_secret
        )
    return Destination(
        settings.ALERT_EMAILS, settings.ALERT_WEBHOOK_URL, settings.ALERT_WEBHOOK_SECRET
    )


def send(notice: AlertNotice) -> None:
    """Send one notice. Raises NotSent."""
    alert, phase = notice.alert, NoticePhase(notice.phase)
    target = destination(notice.audience, alert.tenant)
    if notice.channel == NoticeChannel.EMAIL:
        _email(target, _subject(alert, phase), _text(alert, phase))
    else:
        body = {"type": f"alert.{phase}", "timestamp": _now(), "data": _data(alert, phase)}
        _webhook(target, f"alert_{notice.pk}", body)


def send_test(tenant: Tenant) -> list[tuple[bool, str]]:
    """Try the tenant's own ways now; for each whether it went, and a sentence."""
    target = destination(NoticeAudience.TENANT, tenant)
    found = []
    for channel in target.channels:
        try:
            if channel == NoticeChannel.EMAIL:
                text = "This is a test: alerts about this tenant will come to this address."
                _email(target, f"[HITL bridge] {_line(tenant)}: test", text)
            else:
                body = {"type": "alert.test", "timestamp": _now(), "data": {"tenant": tenant.slug}}
                _webhook(target, f"alert_test_{datetime.now(UTC).timestamp():.0f}", body)
        except NotSent as error:
            found.append((False, f"{channel.label}: {error}"))
        else:
            found.append((True, f"{channel.label}: sent."))
    return found


def _email(target: Destination, subject: str, text: str) -> None:
    if not settings.EMAIL_CONFIGURED:
        raise NotSent("EMAIL_URL is not set, so the bridge can't send e-mail.")
    try:
        EmailMessage(subject, text, to=target.emails).send()
    except (OSError, ValueError) as error:  # SMTP errors are OSErrors
        raise NotSent(f"The mail server did not take it ({type(error).__name__}).") from None


def _webhook(target: Destination, id_: str, body: dict[str, Any]) -> None:
    if not target.webhook_url:
        raise NotSent("There is no address any more.")
    text, now = json.dumps(body), datetime.now(UTC)
    headers = {
        "content-type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": str(int(now.timestamp())),
    }
    if target.webhook_secret:
        headers["webhook-signature"] = Webhook(target.webhook_secret).sign(id_, now, text)
    try:
        answer = http_client().request(
            "POST",
            target.webhook_url,
            data=text.encode(),
            headers=headers,
            timeout=TIMEOUT,
            max_bytes=MAX_ANSWER_BYTES,
        )
    except ProviderError as error:
        raise NotSent(error.detail) from None
    if not answer.ok:
        raise NotSent(f"The address answered {answer.status}.")


def _subject(alert: Alert, phase: NoticePhase) -> str:
    return f"[HITL bridge] {BEGINS[phase]}{alert.get_kind_display()}: {_line(alert.subject_label)}"


def _text(alert: Alert, phase: NoticePhase) -> str:
    explanation, _anchor = EXPLAINED[AlertKind(alert.kind)]
    data = _data(alert, phase)
    count = [f"How many: {alert.count}"] if alert.kind == AlertKind.DEAD_LETTERS else []
    over = [] if phase is NoticePhase.SOLVED else [explanation, ""]
    return "\n".join(
        [
            f"{BEGINS[phase]}{alert.get_kind_display()}",
            "",
            *over,
            f"Tenant: {_line(alert.tenant)}",
            f"What: {_line(alert.subject_label)}",
            *count,
            f"Since: {data['since']}",
            f"Admin: {data['adminUrl']}",
            f"What to do: {data['runbookUrl']}",
            "",
        ]
    )


def _data(alert: Alert, phase: NoticePhase) -> dict[str, Any]:
    _explanation, anchor = EXPLAINED[AlertKind(alert.kind)]
    return {
        "alertId": alert.pk,
        "kind": alert.kind,
        "state": "solved" if phase is NoticePhase.SOLVED else "open",
        "tenant": alert.tenant.slug,
        "subject": {
            "type": alert.subject_type, "id": alert.subject_id, "name": alert.subject_label,
        },
        "count": alert.count,
        "since": alert.opened_at.isoformat(timespec="seconds"),
        "adminUrl": settings.PUBLIC_URL + admin_path(alert),
        "runbookUrl": f"{settings.DOCS_URL}/operations.md#{anchor}",
    }  # fmt: skip


def admin_path(alert: Alert) -> str:
    """The page where it is mended."""
    if alert.kind == AlertKind.DEAD_LETTERS:
        query = urlencode({"conversation__installation__id__exact": alert.subject_id})
        return f"{reverse('admin:conversations_delivery_changelist')}?{query}"
    return reverse(f"admin:hitl_bridge_{alert.subject_type}_change", args=[quote(alert.subject_id)])


def _line(value: object) -> str:
    """On one line: headers take no more."""
    return " ".join(str(value).split())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
