"""/metrics in Prometheus' text format: this process' counters, and gauges read from our tables."""

import hmac
import os
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from conversations.metrics import TableMetrics

# Collectors that query our tables when asked register here and not with the process' registry:
# with several web processes that one is replaced by the sum of all, which knows no collectors.
# Without auto_describe, registering one does not query the database.
TABLES = CollectorRegistry(auto_describe=False)
TABLES.register(TableMetrics())


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return all metrics; 401 where METRICS_TOKEN is set and the request does not bear it."""
    expected = f"Bearer {settings.METRICS_TOKEN}".encode()
    given = request.headers.get("Authorization", "").encode()
    if settings.METRICS_TOKEN and not hmac.compare_digest(given, expected):
        return HttpResponse(
            status=HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": 'Bearer realm="metrics"'}
        )
    page = generate_latest(_processes()) + generate_latest(TABLES)
    return HttpResponse(page, content_type=CONTENT_TYPE_LATEST)


def _processes() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # registers itself
    return registry
