"""A browser maker's push service: `POST /push/<id>`. Checks what the real ones check, keeps what it may not read.

VAPID (RFC 8292): an ES256 token for this origin, at most a day ahead, signed by the key that the subscription was
made for. Web push (RFC 8030): TTL, Urgency, Topic. The body (RFC 8291, aes128gcm) only its browser can open.
"""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .world import World

LONGEST = 4096  # bytes of a body
LONGEST_TOKEN = 24 * 60 * 60  # seconds ahead
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
URGENCIES = ("very-low", "low", "normal", "high")


class Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Push:
    """Subscriptions (made on order: a browser asks its own maker) and the messages that wait for them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.subscriptions = world.store.table("push.subscriptions", limit=5_000)
        self.messages = world.store.table("push.messages", limit=10_000)
        self.ids = world.store.counter("push.message")

    def routes(self) -> list[Route]:
        return [Route("/push/{name}", self.endpoint, methods=["POST"])]

    def reset(self) -> None:
        for table in (self.subscriptions, self.messages):
            table.clear()

    def subscribe(self, told: dict[str, Any]) -> dict[str, Any]:
        """`name`, and the `key` (our side's public one) it is made for; `gone` true: the browser left. Changes too."""
        name = str(told["name"])
        known = self.subscriptions.get(name) or {"name": name, "key": "", "gone": False}
        return self.subscriptions.put(name, known | told)

    async def endpoint(self, request: Request) -> Response:
        name, body = request.path_params["name"], await request.body()
        headers = dict(request.headers)
        origin = f"{request.url.scheme}://{request.url.netloc}"

        def act() -> Response:
            try:
                number = self.accept(name, headers, body, origin)
            except Refused as refusal:
                return JSONResponse({"error": str(refusal)}, refusal.status)
            return Response(status_code=201, headers={"Location": f"{origin}/push/message/{number}"})

        logged = {each: headers.get(each, "") for each in ("ttl", "urgency", "topic", "content-encoding")}
        return self.world.answer("push", name, logged, act)

    def accept(self, name: str, headers: dict[str, str], body: bytes, origin: str) -> int:
        """Number of the kept message. Raises Refused."""
        subscription = self.subscriptions.get(name)
        if subscription is None or subscription["gone"]:
            raise Refused(404 if subscription is None else 410, "no such subscription")
        self._check_vapid(headers.get("authorization", ""), origin, subscription["key"])
        if not headers.get("ttl", "").isdigit():
            raise Refused(400, "TTL is missing")
        if headers.get("urgency", "normal") not in URGENCIES:
            raise Refused(400, "unknown Urgency")
        topic = headers.get("topic", "")
        if topic and not TOPIC.fullmatch(topic):
            raise Refused(400, "a topic has up to 32 url-safe characters")
        if len(body) > LONGEST:
            raise Refused(413, "the body is too long")
        _check_body(headers.get("content-encoding", ""), body)
        for key, row in self.messages.items():
            if topic and (row["name"], row["topic"]) == (name, topic):
                self.messages.drop(key)
        number = self.ids.next()
        row = {
            "id": number,
            "name": name,
            "at": time.time(),
            "topic": topic,
            "ttl": int(headers["ttl"]),
            "urgency": headers.get("urgency", "normal"),
            "body": base64.b64encode(body).decode(),
        }
        self.messages.put(str(number), row)
        return number

    def _check_vapid(self, authorization: str, origin: str, key: str) -> None:
        match = re.fullmatch(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]+)", authorization, re.ASCII)
        if match is None:
            raise Refused(401, "vapid t=<token>,k=<key> is missing")
        head, claims, signature, told = match.groups()
        if key and told != key:
            raise Refused(403, "the subscription was made for another key")
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _plain(told))
            raw = _plain(signature)
            r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
            point.verify(encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
            said, kind = json.loads(_plain(claims)), json.loads(_plain(head))
        except (InvalidSignature, ValueError):
            raise Refused(403, "the token's signature does not fit") from None
        if kind.get("alg") != "ES256":
            raise Refused(403, "only ES256 is known")
        now = time.time()
        if said.get("aud") != origin:
            raise Refused(403, "the token is for another service")
        if not now < float(said.get("exp", 0)) <= now + LONGEST_TOKEN:
            raise Refused(403, "the token is over, or lives too long")
        if not str(said.get("sub", "")).startswith(("mailto:", "https://")):
            raise Refused(403, "sub must say whom to write to")


def _check_body(encoding: str, body: bytes) -> None:
    """The header of RFC 8188 with the sender's key of RFC 8291: salt, record size, 65 bytes of a point."""
    if encoding != "aes128gcm":
        raise Refused(415, "only aes128gcm is known")
    if len(body) < 86 + 17 or int.from_bytes(body[16:20], "big") < 18 or body[20] != 65 or body[21] != 4:
        raise Refused(400, "this is no encrypted message")


def _plain(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
