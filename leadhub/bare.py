"""Answers without middleware: outside callers' deliveries and probes need no session, no CSRF and no host check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch, get_resolver

PREFIXES = ("/hooks/", "/healthz", "/readyz")


class BareHandler:
    """The public addresses, straight from the URL to the view: half of Django's own way costs more than storing a post.

    What is left out: middleware, signals of a request's begin and end (of their receivers only the care for the
    database's connection matters here), atomic requests and streamed answers."""

    def __init__(self) -> None:
        self._answer = convert_exception_to_response(_answer)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        response = self._answer(WSGIRequest(environ))
        content = response.content
        # Its length is otherwise said by a middleware: without it the server would send chunks.
        headers = [*response.items(), ("Content-Length", str(len(content)))]
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        return [content]


def _answer(request: HttpRequest) -> HttpResponse:
    request.tenant, request.urlconf = None, settings.PUBLIC_SCHEMA_URLCONF
    request.resolver_match = match = _view_of(settings.PUBLIC_SCHEMA_URLCONF, request.path_info)
    return match.func(request, *match.args, **match.kwargs)


@lru_cache(maxsize=4096)
def _view_of(urlconf: str, path: str) -> ResolverMatch:
    """Raises Resolver404, which is not remembered."""
    return get_resolver(urlconf).resolve(path)
