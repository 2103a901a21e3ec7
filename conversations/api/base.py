"""What all views of the API have in common."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar, cast

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from conversations.api import idempotency
from conversations.api.auth import ApiKeyAuthentication, HasScope, KeyThrottle
from conversations.api.bodies import read_json
from conversations.api.idempotency import Answer
from conversations.api.problems import exception_handler
from conversations.api.schema import ApiSchema
from conversations.api.shapes import OneOf, Shape
from conversations.api.waiting import in_thread
from hitl_bridge.models import Bot
from hitl_bridge.models.bots import ApiKeyScope

Given = Mapping[str, Any]
Act = Callable[[Bot, Given], Given]
ID = re.compile(r"[A-Za-z0-9_]{1,32}\Z")


class OnlyJson(BaseContentNegotiation):
    """There is one representation: whoever asks for another gets it too, as browsers do."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], "application/json"


class ApiView(APIView):
    """A view for bots: key, scope, rate, and errors as problems."""

    scope: ClassVar[str] = ApiKeyScope.READ
    authentication_classes = [ApiKeyAuthentication]
    permission_classes = [HasScope]
    throttle_classes = [KeyThrottle]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = OnlyJson
    metadata_class = None
    schema = ApiSchema()

    def get_exception_handler(self) -> Any:
        return exception_handler

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        """Transcripts and users are nothing for a cache on the way."""
        response = super().finalize_response(*args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """The framework's checks; whatever is logged from here on tells what it was about."""
        asked = str(kwargs.get("conversationId", ""))
        if ID.match(asked):
            structlog.contextvars.bind_contextvars(conversation_id=asked)
        super().initial(request, *args, **kwargs)

    def bot_of(self, request: Request) -> Bot:
        """Who calls."""
        return cast(Bot, request.user)


class ActionView(ApiView):
    """A POST that changes something, once per Idempotency-Key."""

    http_method_names = ["post"]

    def carry_out(
        self,
        request: Request,
        check: type[Shape] | OneOf,
        act: Act,
        status: int = HTTPStatus.OK,
        ahead: Callable[[Bot, Given], None] | None = None,
    ) -> Answer:
        """Check the body and act on it, or give the answer of the request that this repeats.

        `ahead` is done before: what can't be done in the action's transaction.
        """
        http, bot = plain(request), self.bot_of(request)
        key = idempotency.key_of(http)
        body = read_json(http)
        given = checked(check, body)
        if ahead:
            ahead(bot, given)

        def run() -> Answer:
            answer = act(bot, given)
            if "conversationId" in answer:
                structlog.contextvars.bind_contextvars(conversation_id=answer["conversationId"])
            return Answer.of(status, answer)

        if not key:
            return run()
        print_ = idempotency.fingerprint(http.method or "", http.path, body)
        return idempotency.once(bot, key, print_, run)


class UnknownAddress(ApiView):
    """Whatever else is asked for below /api/."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []
    schema = None  # type: ignore[assignment]  # the framework's way of leaving it out

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotFound("There is no such address; addresses end without a slash.")


class AsyncView(ApiView):
    """A view whose `get` is async: under config.asgi whoever waits in it holds no thread."""

    view_is_async = True
    http_method_names = ["get"]

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """As the framework's, with its checks in a thread and the handler awaited."""
        self.args, self.kwargs = args, kwargs
        asked = self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            await in_thread(request, self.initial, asked, *args, **kwargs)
            name = (request.method or "").lower()
            if name not in ("get", "head"):
                self.http_method_not_allowed(asked)
            handler = cast(Callable[..., Awaitable[Any]], self.get)  # type: ignore[attr-defined]
            response = await handler(asked, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - as the framework does: the handler knows
            response = self.handle_exception(error)
        self.response = self.finalize_response(asked, response, *args, **kwargs)
        return cast(HttpResponseBase, self.response)


def plain(request: Request) -> HttpRequest:
    """Django's request below the framework's."""
    return request._request  # noqa: SLF001


def checked(check: type[Shape] | OneOf, body: Any) -> Given:
    """The body's known members. Raises ValidationError."""
    reader = check if isinstance(check, OneOf) else check()
    given: Given = reader.run_validation(body)
    return given


def known_id(text: str) -> str:
    """An id from an address, if it can be one of ours. Raises NotFound."""
    if not ID.match(text):
        raise NotFound("There is no such thing.")
    return text
