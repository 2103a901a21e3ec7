"""This process's way out: one guarded session, with the operator's list of private targets."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import requests
from django.conf import settings

from providers.http import HttpClient
from providers.targets import AllowedTargets, guarded_session


@lru_cache(maxsize=2)
def _session(allowed: tuple[str, ...]) -> requests.Session:
    return guarded_session(AllowedTargets.of(allowed))


def http_client(before_request: Callable[[], None] = lambda: None) -> HttpClient:
    """A client whose connections are kept alive and shared by the whole process."""
    return HttpClient(_session(tuple(settings.ALLOWED_PRIVATE_TARGETS)), before_request)
