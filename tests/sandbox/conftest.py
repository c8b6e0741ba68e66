"""One sandbox process for all these tests, emptied before each; and a receiver for what it posts to webhooks."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from sandbox.testing import SandboxProcess

HTTP = httpx.Client(trust_env=False, timeout=20)
TOKEN = "123456789:AAtest_token-for_the_sandbox_bot"


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory) -> Iterator[SandboxProcess]:
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process) -> SandboxProcess:
    sandbox_process.reset()
    return sandbox_process


class Receiver:
    """A webhook: keeps what came, answers the statuses it was told (then 200)."""

    def __init__(self) -> None:
        self.came: queue.Queue[dict[str, Any]] = queue.Queue()
        self.statuses: list[int] = []
        self.answer = b""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                receiver.came.put({"headers": dict(self.headers), "body": body, "status": status})
                self.send_response(status)
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/key/"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def next(self) -> dict[str, Any]:
        return self.came.get(timeout=20)

    def next_json(self) -> dict[str, Any]:
        return json.loads(self.next()["body"])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


class Bot:
    """A bot's own view of the API."""

    def __init__(self, sandbox: SandboxProcess, token: str = TOKEN) -> None:
        self.sandbox = sandbox
        self.token = token

    def raw(self, method: str, **params: Any) -> httpx.Response:
        url = f"{self.sandbox.url}/telegram/bot{self.token}/{method}"
        return HTTP.post(url, json=params)

    def __call__(self, method: str, **params: Any) -> Any:
        answer = self.raw(method, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


@pytest.fixture
def bot(sandbox) -> Bot:
    one = Bot(sandbox)
    one("getMe")
    return one
