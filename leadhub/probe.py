"""`python -m leadhub.probe URL [PART]`: exit code 0 while it is well. For health checks of containers, no Django.

`http://.../healthz`: answers 200. `http://.../readyz PART`: PART is not among what is missing. `tcp://...`: listens.
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
from urllib.parse import urlsplit


def is_well(url: str, part: str | None = None) -> bool:
    """False when nobody answers, or when the answer says that `part` is missing."""
    address = urlsplit(url)
    host, port = address.hostname or "", address.port or 80
    try:
        if address.scheme == "tcp":
            socket.create_connection((host, port), timeout=4).close()
            return True
        status, body = ask(host, port, address.path, seconds=4)
        return part not in json.loads(body)["missing"] if part else status == 200
    except (OSError, ValueError, KeyError):
        return False


def ask(host: str, port: int, path: str, *, seconds: float) -> tuple[int, bytes]:
    """Status and body of a GET; 0 when nobody answers. Takes no proxy from the environment."""
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_well(*sys.argv[1:]) else 1)
