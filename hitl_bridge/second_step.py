"""The second login step: a code from an authenticator app (RFC 6238), or a recovery code.

Guesses are counted and locked out together with wrong passwords (django-axes), per name and
address. A code works once; so does a recovery code.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any

import pyotp
import segno
from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from hitl_bridge import roles
from hitl_bridge.models import SecondStep

RECOVERY_CODES = 10
SECONDS = 30  # how long a code is shown
DRIFT = (-1, 0, 1)  # codes: clocks are not exact, and people not fast
ISSUER = "HITL bridge"


def of(person: Any) -> SecondStep | None:
    """The person's second step, once it has been confirmed."""
    if not person.is_authenticated:
        return None
    step: SecondStep | None = getattr(person, "second_step", None)
    return step if step and step.confirmed_at else None


def is_missing(person: Any) -> bool:
    """Whether a role of the person demands a second step that has not been set up."""
    demanded = set(settings.REQUIRE_SECOND_STEP)
    return bool(demanded) and of(person) is None and bool(demanded & roles.names_of(person))


def begin(person: Any) -> None:
    """Make a new secret for the person's app, unless one has been confirmed."""
    secret = {"secret": pyotp.random_base32()}
    step, made = SecondStep.objects.get_or_create(user=person, defaults=secret)
    if not made:
        SecondStep.objects.filter(pk=step.pk, confirmed_at=None).update(**secret)


def begun(person: Any) -> SecondStep:
    """What the person's app is shown, or has been."""
    step, _ = SecondStep.objects.get_or_create(
        user=person, defaults={"secret": pyotp.random_base32()}
    )
    return step


def qr_code(step: SecondStep) -> str:
    """The secret as an SVG to scan; as safe as the name is escaped in the address it holds."""
    name = step.user.get_username()
    address = pyotp.TOTP(step.secret).provisioning_uri(name=name, issuer_name=ISSUER)
    return str(segno.make_qr(address).svg_inline(title="QR code", light="#fff", omitsize=True))


def confirm(step: SecondStep) -> list[str]:
    """Switch it on (a right code has been given); the recovery codes, which can't be read again."""
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    step.recovery_hashes = [_hash(code) for code in codes]
    step.confirmed_at = step.confirmed_at or timezone.now()
    step.save(update_fields=["recovery_hashes", "confirmed_at"])
    return codes


def accept(request: HttpRequest, step: SecondStep, text: str) -> bool:
    """Whether the text is a code that was not used before; a wrong one counts as a failed login."""
    text = "".join(text.split()).replace("-", "").lower()
    return _counted(request, step.user, lambda: _is_current(step, text) or _is_recovery(step, text))


def is_password(request: HttpRequest, text: str) -> bool:
    """Whether the text is the password of who is logged in; likewise."""
    person: Any = request.user
    return _counted(request, person, lambda: bool(person.check_password(text)))


def _counted(request: HttpRequest, person: Any, is_right: Callable[[], bool]) -> bool:
    credentials = {"username": person.get_username()}
    if not AxesProxyHandler.is_allowed(request, credentials):
        return False
    if is_right():
        return True
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)
    return False


def _is_current(step: SecondStep, text: str) -> bool:
    totp, now = pyotp.TOTP(step.secret), int(time.time()) // SECONDS
    for counter in (now + drift for drift in DRIFT):
        if hmac.compare_digest(totp.generate_otp(counter).encode(), text.encode()):
            unused = SecondStep.objects.filter(pk=step.pk, last_counter__lt=counter)
            return unused.update(last_counter=counter) == 1
    return False


def _is_recovery(step: SecondStep, text: str) -> bool:
    with transaction.atomic():
        row = SecondStep.objects.select_for_update().get(pk=step.pk)
        left = [one for one in row.recovery_hashes if not hmac.compare_digest(one, _hash(text))]
        if len(left) == len(row.recovery_hashes):
            return False
        SecondStep.objects.filter(pk=step.pk).update(recovery_hashes=left)
        return True


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _hash(code: str) -> str:
    # Codes are random and long, so a fast hash is enough.
    return hashlib.sha256(code.replace("-", "").encode()).hexdigest()
