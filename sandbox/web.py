"""Small helpers of the JSON views."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

Json = dict[str, Any]


class BadRequestError(Exception):
    """Answered as 400 with this message."""


def body_of(request: HttpRequest) -> Json:
    """The JSON object that was sent; empty where nothing was."""
    if not request.body:
        return {}
    # A form of a foreign page cannot have this content type without the browser asking first.
    if request.content_type != "application/json":
        raise BadRequestError("Content-Type must be application/json")
    try:
        body = json.loads(request.body)
    except ValueError:
        raise BadRequestError("The body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequestError("The body must be an object")
    return body


def json_view(*methods: str) -> Callable[..., Callable[..., HttpResponse]]:
    """For views that return plain data; BadRequestError becomes a 400 with its message."""

    def decorate(view: Callable[..., Any]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                return JsonResponse({"error": "Method not allowed"}, status=405)
            try:
                return JsonResponse(view(request, *args, **kwargs), safe=False)
            except BadRequestError as problem:
                return JsonResponse({"error": str(problem)}, status=400)

        return answer

    return decorate
