"""The sandbox as a real process of its own, for tests and benchmarks."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 20.0
STOP_SECONDS = 5.0
WEBHOOK_TOKEN = "1/sandbox"  # noqa: S105 - the open webhook of the portal "main"
_READY = re.compile(r"sandbox (http://\S+) tls (\S+)")


class SandboxProcess:
    """`with SandboxProcess(data_dir) as sandbox:`; a second one on the same `data_dir` goes on where the first ended.

    Port 0 takes a free port. The process ends with the one that started it, however that ends.
    """

    def __init__(self, data_dir: Path | str, port: int = 0, tls_port: int = 0) -> None:
        self.data_dir = Path(data_dir)
        self.port = port
        self.tls_port = tls_port
        self.url = ""
        self.tls_domain = ""
        self.ca_file = str(self.data_dir / "sandbox" / "ca.pem")
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(timeout=30.0, trust_env=False)

    def __enter__(self) -> SandboxProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> SandboxProcess:
        """Start it and wait until it answers; ports once taken are kept. Raises RuntimeError with what it said."""
        command = [sys.executable, "-m", "sandbox", "--data", str(self.data_dir), "--stop-with-stdin"]
        command += ["--port", str(self.port), "--tls-port", str(self.tls_port)]
        complaints = self.data_dir / "sandbox" / "process.log"
        complaints.parent.mkdir(parents=True, exist_ok=True)
        with complaints.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        assert self._process.stdout is not None
        ready = _READY.match(self._process.stdout.readline().decode())
        if ready is None:
            self._reap()
            raise RuntimeError(f"the sandbox did not start: {complaints.read_text(errors='replace')[-2000:]}")
        self.url, self.tls_domain = ready[1], ready[2]
        self.port, self.tls_port = int(self.url.rpartition(":")[2]), int(self.tls_domain.rpartition(":")[2])
        self._wait_until_healthy()
        return self

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.get("health")
                return
            except httpx.HTTPError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it as an operator would; twice is as good as once."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reap()

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._reap()

    def _reap(self) -> None:
        assert self._process is not None
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None

    # The control API

    def get(self, path: str, **query: Any) -> Any:
        return self._checked(self._http.get(f"{self.url}/_control/{path}", params=query))

    def post(self, path: str, **body: Any) -> Any:
        """Raises httpx.HTTPStatusError when the order is refused."""
        return self._checked(self._http.post(f"{self.url}/_control/{path}", json=body))

    def _checked(self, answer: httpx.Response) -> Any:
        answer.raise_for_status()
        return answer.json()

    def faults(self, service: str, kind: str, **more: Any) -> int:
        """Order a fault (see `sandbox.faults.Fault`), its number comes back."""
        return self.post("faults", service=service, kind=kind, **more)["id"]

    def clear_faults(self) -> None:
        self._checked(self._http.delete(f"{self.url}/_control/faults"))

    def log(self, service: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """Received calls after number `since`, oldest first: n, at, service, method, body, status, fault."""
        query = {"since": since} | ({"service": service} if service else {})
        return self.get("log", **query)["calls"]

    def settings(self, **changes: Any) -> dict[str, Any]:
        return self.post("settings", **changes)

    def reset(self, service: str | None = None) -> None:
        self.post("reset", **({"service": service} if service else {}))

    def say(self, token: str, text: str, client: Any = None, **more: Any) -> dict[str, Any]:
        """A client writes to the bot; see `sandbox.telegram.Telegram.say`."""
        return self.post("telegram/say", token=token, text=text, client=client, **more)

    def telegram(self, token: str, chat_id: int | None = None, since: float = 0.0) -> list[dict[str, Any]]:
        """Messages of a bot, both ways, oldest first: out, chat_id, at, message."""
        query = {"token": token, "since": since} | ({"chat_id": chat_id} if chat_id is not None else {})
        return self.get("telegram/chats", **query)["messages"]

    def sms(self, phone: str | None = None, since: float = 0.0) -> list[dict[str, Any]]:
        """Accepted SMS, oldest first."""
        return self.get("sms", since=since, **({"phone": phone} if phone else {}))["messages"]

    def pushed(self, name: str) -> list[dict[str, Any]]:
        """Messages that wait for a browser, oldest first: id, topic, ttl, urgency, body (base64, encrypted)."""
        return self.get("push", name=name)["messages"]

    def entities(self, portal: str = "main", since: float = 0.0) -> dict[str, list[dict[str, Any]]]:
        """What a portal holds: lead, deal, contact, task, comment, activity, notice."""
        return self.get("bitrix24/entities", portal=portal, since=since)
