"""WSGI entry of the web server."""

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leadhub.settings")

from django.core.wsgi import get_wsgi_application

from leadhub import warming
from leadhub.bare import PREFIXES, BareHandler

_pages = get_wsgi_application()
_bare = BareHandler()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    handler = _bare if environ["PATH_INFO"].startswith(PREFIXES) else _pages
    return handler(environ, start_response)


warming.warm_web(_pages)
