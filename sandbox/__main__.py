"""`python -m sandbox --port P --tls-port Q --data DIR`: every stand-in in one process, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import Sandbox
from .certificate import certificate

GRACE_SECONDS = 1


class Connection(H11Protocol):
    """Lets a stand-in reach its connection, so that it can hang up."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}

    def shutdown(self) -> None:
        """An idle connection is cut: over TLS a polite end would wait for the client's."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()


class Server(uvicorn.Server):
    """Signals belong to the process, not to each of its two servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8002, help="plain HTTP; 0 takes a free one")
    parser.add_argument("--tls-port", type=int, default=8003, help="the Bitrix24 portal; 0 takes a free one")
    parser.add_argument("--data", type=Path, required=True, help="the journal and the certificate go to DATA/sandbox/")
    parser.add_argument("--stop-with-stdin", action="store_true", help="end when standard input is closed")
    options = parser.parse_args()
    folder = options.data / "sandbox"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        if not _is_mine(lock):
            return _refuse(f"another sandbox is using {folder}")
        try:
            sockets = [_bound(options.host, options.port), _bound(options.host, options.tls_port)]
        except OSError as error:
            return _refuse(f"cannot listen on {options.host}, ports {options.port} and {options.tls_port}: {error}")
        asyncio.run(serve(options, sockets))
    return 0


async def serve(options: argparse.Namespace, sockets: list[socket.socket]) -> None:
    """Serve on two bound sockets, plain and TLS, until told to stop."""
    sandbox = Sandbox(options.data)
    plain_port, tls_port = (one.getsockname()[1] for one in sockets)
    sandbox.world.ports = {"plain": plain_port, "tls": tls_port}
    await sandbox.start()
    pem = str(certificate(options.data / "sandbox"))
    common = {
        "http": Connection,
        "ws": "none",
        "lifespan": "off",
        "access_log": False,
        "log_level": "warning",
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "timeout_keep_alive": 60,
        "backlog": 2048,
    }
    servers = [
        Server(uvicorn.Config(sandbox.plain(), **common)),
        Server(uvicorn.Config(sandbox.tls(), ssl_certfile=pem, ssl_keyfile=pem, **common)),
    ]

    def stop() -> None:
        sandbox.world.stopping.set()
        for server in servers:
            server.should_exit = True

    _stop_on(options, stop)
    serving = asyncio.gather(*(server.serve([one]) for server, one in zip(servers, sockets, strict=True)))
    while not serving.done() and not all(server.started for server in servers):
        await asyncio.sleep(0.01)
    sys.stdout.write(f"sandbox http://{options.host}:{plain_port} tls localhost:{tls_port}\n")
    sys.stdout.flush()
    await serving
    await sandbox.stop()


def _stop_on(options: argparse.Namespace, stop) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    if not options.stop_with_stdin:
        return

    def stdin_spoke() -> None:
        if not sys.stdin.buffer.raw.read(1024):
            loop.remove_reader(sys.stdin)
            stop()

    loop.add_reader(sys.stdin, stdin_spoke)


def _is_mine(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _bound(host: str, port: int) -> socket.socket:
    # the protocol named: only then asyncio sets TCP_NODELAY, without which every answer takes 40 ms
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((host, port))
    return one


def _refuse(why: str) -> int:
    sys.stderr.write(f"sandbox: {why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
