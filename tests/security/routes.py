"""Every address of the site, found by walking Django's resolver."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """One address: where it stands, and what Django calls it."""

    path: str
    name: str  # with its namespace; empty if it has none


@dataclass(frozen=True)
class AdminRoute:
    """A page of one model's admin, such as `change`; `redirect` for the one without a name."""

    model: type[Model]
    kind: str
    name: str


def _walk(patterns: list[Any], path: str = "", space: str = "") -> Iterator[Route]:
    for one in patterns:
        here = path + str(one.pattern)
        if isinstance(one, URLResolver):
            inner = f"{space}{one.namespace}:" if one.namespace else space
            yield from _walk(one.url_patterns, here, inner)
        elif isinstance(one, URLPattern):
            yield Route(here, f"{space}{one.name}" if one.name else "")


def everything() -> list[Route]:
    return list(_walk(get_resolver().url_patterns))


def of_models() -> list[AdminRoute]:
    """The pages of every registered admin."""
    found = []
    for model in admin.site._registry:
        prefix = f"admin/{model._meta.app_label}/{model._meta.model_name}/"
        label = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
        for route in everything():
            if route.path.startswith(prefix):
                kind = route.name.removeprefix(label) if route.name else "redirect"
                found.append(AdminRoute(model, kind, route.name))
    return found


def of_no_model() -> list[Route]:
    prefixes = tuple(
        f"admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry
    )
    return [route for route in everything() if not route.path.startswith(prefixes)]
