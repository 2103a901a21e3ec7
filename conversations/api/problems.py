"""Errors as RFC 9457 problems that name the field."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Placeholder until the views arrive."""
    return drf_handler(error, context)
