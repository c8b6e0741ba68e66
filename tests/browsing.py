"""The product in a real browser: served by this very process, so that the test and the page see one database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.core.wsgi import get_wsgi_application

from tests.e2e.browsers import CHROMIUM

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Silent(WSGIRequestHandler):
    def log_message(self, *told: Any) -> None:
        """The run's output is the tests' own."""


@pytest.fixture
def served(committed_salon: Any) -> Iterator[str]:
    """The address of the product, served until the end of the test."""
    with make_server("127.0.0.1", 0, get_wsgi_application(), Server, Silent) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_page(served: str, committed_salon: Any) -> Iterator[Callable[[int], tuple[Any, list[str]]]]:
    """Open a window of a width as the owner; the page and what its console complained of."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    session = committed_salon.browser("viktor").cookies["sessionid"].value
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)

        def do(width: int) -> tuple[Any, list[str]]:
            context = chromium.new_context(viewport={"width": width, "height": 900}, base_url=served)
            context.add_cookies([{"name": "sessionid", "value": session, "url": served}])
            page, complaints = context.new_page(), []
            page.on("console", lambda told: complaints.append(told.text) if told.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda asked: None if asked.url.startswith(served) else complaints.append(asked.url))
            return page, complaints

        yield do
        chromium.close()
