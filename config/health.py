"""Whether this process may be sent work (/readyz). Each check is one class; the list is below."""

import asyncio
import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from health_check.base import HealthCheck
from health_check.checks import Database
from health_check.exceptions import ServiceUnavailable
from health_check.views import HealthCheckView

from conversations.engine import heartbeat


@dataclass
class Broker(HealthCheck):
    """Redis answers, where one is configured; the embedded mode has none to ask."""

    timeout: datetime.timedelta = field(default=datetime.timedelta(seconds=2), repr=False)

    def run(self) -> None:
        """Raise ServiceUnavailable where Redis is configured and does not answer in a second."""
        if not settings.REDIS_URL:
            return
        try:
            with redis.Redis.from_url(
                settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1, retry=None
            ) as client:
                client.ping()
        except (redis.RedisError, OSError, ValueError) as error:
            raise ServiceUnavailable("Redis does not answer") from error


@dataclass
class Workers(HealthCheck):
    """Some worker has shown itself lately."""

    # Seconds since any worker was last seen, None if none ever was.
    age_seconds: Callable[[], float | None] = field(repr=False)
    # A worker shows itself every few seconds; this leaves room for a restart.
    max_age_seconds: float = field(default=60, repr=False)

    def run(self) -> None:
        """Raise ServiceUnavailable where no worker was seen lately."""
        age = self.age_seconds()
        if age is None:
            raise ServiceUnavailable("no worker has been seen")
        if age > self.max_age_seconds:
            raise ServiceUnavailable(f"no worker has been seen for {age:.0f} seconds")


# Name in the answer -> check. A further one is one line here.
CHECKS: dict[str, HealthCheck] = {
    "database": Database(),
    "broker": Broker(),
    "workers": Workers(age_seconds=heartbeat.age_seconds),
}


class ReadyView(HealthCheckView):
    """`{"status": "ok" or "failing", "checks": {name: "ok" or reason}}`, 200 or 503."""

    async def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        """Run all checks at once and say what each found."""
        results = await asyncio.gather(*(check.get_result() for check in CHECKS.values()))
        found = {
            name: result.error.message if result.error else "ok"
            for name, result in zip(CHECKS, results, strict=True)
        }
        failing = any(result.error for result in results)
        return JsonResponse(
            {"status": "failing" if failing else "ok", "checks": found},
            status=HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK,
        )
