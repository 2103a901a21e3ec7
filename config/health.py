"""Whether all that the bridge needs is there (/readyz). Each check is one class; the list is below.

Whether a web process can take requests is a narrower question, for load balancers:
`/readyz?only=database`. What comes in is stored without a broker and without workers.
"""

import asyncio
import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import redis
from django.conf import settings
from django.db import connections
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
        try:
            age = self.age_seconds()
        finally:
            # Checks run in threads that end with the request: without this each would keep a
            # connection of the pool for ever, until there is none left.
            connections.close_all()
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


# Without these work goes on, only slower: the sweep finds what no wake-up tells of.
DISPENSABLE = {"broker"}


class ReadyView(HealthCheckView):
    """`{"status": …, "checks": {name: "ok" or reason}}`: 200 where all is ok, else 503.

    The status is "ok", "degraded" (work goes on, slower) or "failing". `?only=` names the checks
    to run, separated by commas.
    """

    async def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
        """Run the checks at once and say what each found; 400 for one that there is not."""
        names = [name for name in request.GET.get("only", "").split(",") if name] or list(CHECKS)
        if unknown := set(names) - set(CHECKS):
            error = f"only: no check is called {min(unknown)}; there are {', '.join(CHECKS)}."
            return JsonResponse({"status": "unknown", "error": error}, status=400)
        results = await asyncio.gather(*(CHECKS[name].get_result() for name in names))
        found = {
            name: result.error.message if result.error else "ok"
            for name, result in zip(names, results, strict=True)
        }
        wrong = {name for name, said in found.items() if said != "ok"}
        status = "failing" if wrong - DISPENSABLE else "degraded" if wrong else "ok"
        return JsonResponse(
            {"status": status, "checks": found},
            status=HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK,
            headers={"Cache-Control": "no-store"},
        )
