"""What costs hundreds of milliseconds the first time is done before the first client comes."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.conf import settings
from django.db import DatabaseError, connection
from django.dispatch import Signal
from django.template import TemplateSyntaxError, engines
from django.urls import get_resolver

logger = logging.getLogger(__name__)

# Sent once in every process that serves people or does work. Receivers load what they otherwise load on first use
# (dictionaries, models); a worker sends it before it forks, so a receiver must not touch the database.
warm_up = Signal()

_web_is_warm = False


def warm_web(application: Callable[..., Iterable[bytes]]) -> bool:
    """Load both URL maps, compile the templates, open the database and render a page, in this process.

    False when the database was away: readiness asks again."""
    global _web_is_warm
    try:
        warm_up.send(None)
        for urls in (settings.PUBLIC_SCHEMA_URLCONF, settings.ROOT_URLCONF):
            get_resolver(urls)._populate()
        _compile_templates()
        connection.ensure_connection()
        _visit(application, settings.LOGIN_URL)
        keep_for_good()
        _web_is_warm = True
    except DatabaseError as error:
        logger.warning("the web server is not warm: %s", type(error).__name__)
        connection.close()
    return _web_is_warm


def keep_for_good() -> None:
    """What is loaded now stays: the collector need not walk it again (a fifth of a worker's time), nor make a forked
    process copy its pages; and what one message makes is mostly gone before the collector would look for it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


def web_is_warm() -> bool:
    return _web_is_warm


def _compile_templates() -> None:
    engine = engines["django"]
    for directory in engine.dirs:
        for path in sorted(Path(directory).rglob("*.html")):
            name = str(path.relative_to(directory))
            try:
                engine.get_template(name)
            except TemplateSyntaxError as error:
                logger.error("template %s: %s", name, error)


def _visit(application: Callable[..., Iterable[bytes]], path: str) -> None:
    """Ask our own application for a page, as a browser behind the proxy would."""
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_HOST": _host(), "HTTP_X_FORWARDED_PROTO": "https"}
    setup_testing_defaults(environ)
    answer = application(environ, lambda *_: None)
    for _ in answer:
        pass
    if close := getattr(answer, "close", None):
        close()


def _host() -> str:
    named = [host for host in settings.ALLOWED_HOSTS if host != "*"]
    return named[0].lstrip(".") if named else "localhost"
