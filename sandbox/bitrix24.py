"""The door of the Bitrix24 portals: addresses, rights, limits, the envelope, `batch`, tokens and outgoing events.

An incoming webhook is `https://<host>/rest/<user>/<code>/<method>`; a code `sandbox<name>` opens the portal `<name>`
("main" when empty) with the rights of any of its users; other codes must be registered first.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from .limits import Bucket
from .params import BadBody, nested, php_map, request_params
from .portal import Caller, Params, Portals, RestError
from .portal_fields import ZONE
from .world import World

OPEN_CODE = re.compile(r"sandbox([a-z0-9_]*)")
REFERENCE = re.compile(r"\$result((?:\[[^\[\]]+\])+)")
BATCH_MAX = 50
APP_ONLY = ("event.", "placement.", "telephony.externalcall.")
SCOPES = {"tasks": "task"}
BUCKETS, BUCKET_SECONDS = 10, 60  # operating time is counted over ten buckets of a minute
TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class Access:
    """What an address or a token proves: the caller, the scopes (empty: all) and the key that limits are counted by."""

    caller: Caller
    scope: tuple[str, ...]
    key: str


class Operating:
    """Seconds that a method used of late, for one webhook or application."""

    def __init__(self) -> None:
        self._used: deque[tuple[int, float]] = deque()

    def total(self, now: float) -> float:
        first = int(now // BUCKET_SECONDS) - BUCKETS + 1
        while self._used and self._used[0][0] < first:
            self._used.popleft()
        return sum(seconds for _, seconds in self._used)

    def charge(self, seconds: float, now: float) -> None:
        minute = int(now // BUCKET_SECONDS)
        if self._used and self._used[-1][0] == minute:
            self._used[-1] = (minute, self._used[-1][1] + seconds)
        else:
            self._used.append((minute, seconds))

    def reset_at(self, now: float) -> int:
        """Unix time when the oldest bucket leaves."""
        oldest = self._used[0][0] if self._used else int(now // BUCKET_SECONDS)
        return (oldest + BUCKETS) * BUCKET_SECONDS


class Bitrix24:
    """All portals behind one address, and who may enter them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.portals = Portals(world.store)
        self.portals.changed = self._tell_hooks
        self.webhooks = world.store.table("bitrix24.webhooks", limit=500)
        self.tokens = world.store.table("bitrix24.tokens", limit=500)
        self.hooks = world.store.table("bitrix24.hooks", limit=200)
        self.buckets: dict[tuple[str, str], Bucket] = {}
        self.operating: dict[tuple[str, str], Operating] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(timeout=10.0, trust_env=False)

    def routes(self) -> list[Route]:
        """For the TLS port."""
        both = ["GET", "POST"]
        return [
            Route("/rest/{user_id:int}/{code}/{method}", self.webhook_endpoint, methods=both),
            Route("/rest/{method}", self.token_endpoint, methods=both),
            Route("/oauth/token/", self.oauth_endpoint, methods=both),
        ]

    def plain_routes(self) -> list[Route]:
        """For the port without TLS: the portal refuses there."""
        return [Route("/rest/{rest:path}", self._https_required, methods=["GET", "POST"])]

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    def reset(self) -> None:
        for table in (self.portals.portals, self.portals.rows, self.webhooks, self.tokens, self.hooks):
            table.clear()
        self.world.store.forget_counters("bitrix24.")
        self.forget_limits()

    def forget_limits(self) -> None:
        self.buckets.clear()
        self.operating.clear()

    # Endpoints

    async def _https_required(self, request: Request) -> Response:
        return _error(RestError("INVALID_REQUEST", "Https required."))

    async def webhook_endpoint(self, request: Request) -> Response:
        user_id, code = request.path_params["user_id"], request.path_params["code"]
        return await self._endpoint(request, lambda params: self._webhook(user_id, code))

    async def token_endpoint(self, request: Request) -> Response:
        return await self._endpoint(request, lambda params: self._token(str(params.pop("auth", ""))))

    async def _endpoint(self, request: Request, enter: Callable[[Params], Access]) -> Response:
        method = re.sub(r"\.(json|xml)$", "", request.path_params["method"]).lower()
        source = request.client.host if request.client else ""
        try:
            params = await request_params(request)
        except BadBody:
            return _error(RestError("INVALID_REQUEST", "Incorrect request body"))
        logged = {key: value for key, value in params.items() if key != "auth"}
        inner = (
            " ".join(str(command).partition("?")[0] for _, command in _commands(params)) if method == "batch" else ""
        )
        return self.world.answer(
            "bitrix24",
            method,
            logged,
            lambda: self._serve(request, method, params, enter, source),
            also=inner,
            user=request.path_params.get("user_id"),
            portal=_portal_name(request.path_params.get("code", "")),
        )

    def _serve(
        self, request: Request, method: str, params: Params, enter: Callable[[Params], Access], source: str
    ) -> Response:
        started = time.time()
        try:
            access = enter(params)
            portal = self.portals.portal(access.caller.portal)
            if portal["moved_to"]:
                return RedirectResponse(f"https://{portal['moved_to']}{request.url.path}", 302)
            self._check_portal(portal)
            self._pour(portal["name"], source)
            if method == "batch":
                return self._enveloped({"result": self.batch(access, params)}, started, access, method)
            return self._enveloped(self.run(access, method, params), started, access, method)
        except RestError as error:
            return _error(error)

    # Who may enter

    def _webhook(self, user_id: int, code: str) -> Access:
        row = self.webhooks.get(code)
        match = OPEN_CODE.fullmatch(code)
        if row is None and match is None:
            raise RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
        if row is None:
            row = {"portal": _portal_name(code), "user_id": user_id, "scope": [], "expires_at": None}
        if row["expires_at"] and time.time() > row["expires_at"]:
            raise RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
        if row["user_id"] != user_id:
            raise RestError("INVALID_CREDENTIALS", "Invalid request credentials", 403)
        self._check_user(row["portal"], user_id)
        return Access(Caller(row["portal"], user_id, by_webhook=True), tuple(row["scope"]), code)

    def _token(self, token: str) -> Access:
        row = self.tokens.get(token)
        if row is None:
            raise RestError("NO_AUTH_FOUND", "Wrong authorization data", 401)
        if time.time() >= row["expires"]:
            raise RestError("expired_token", "The access token provided has expired.", 401)
        self._check_user(row["portal"], row["user_id"])
        return Access(Caller(row["portal"], row["user_id"], by_webhook=False), tuple(row["scope"]), row["client_id"])

    def _check_user(self, portal: str, user_id: int) -> None:
        user = next((user for user in self.portals.portal(portal)["users"] if user["ID"] == str(user_id)), None)
        if user is None:
            raise RestError("INVALID_CREDENTIALS", "Invalid request credentials", 403)
        if not user["ACTIVE"]:
            raise RestError("user_access_error", "The user does not have access to the application.", 403)
        if user["USER_TYPE"] != "employee":
            raise RestError("allowed_only_intranet_user", "Allowed only for intranet users.", 403)

    def _check_portal(self, portal: dict[str, Any]) -> None:
        if portal["deleted"]:
            raise RestError("PORTAL_DELETED", "Portal was deleted", 500)
        if portal["overloaded"]:
            raise RestError("OVERLOAD_LIMIT", "REST API is blocked due to overload.", 503)
        if portal["plan"] != "commercial":
            raise RestError("ACCESS_DENIED", "REST API is available only on commercial plans.", 403)

    def _pour(self, portal: str, source: str) -> None:
        """One HTTP request into the leaky bucket of the portal and the source address."""
        settings = self.world.settings
        if not settings["bitrix24_limits"]:
            return
        now = time.monotonic()
        fresh = Bucket(settings["bitrix24_bucket"], settings["bitrix24_leak_per_second"])
        bucket = self.buckets.setdefault((portal, source), fresh)
        bucket.capacity, bucket.per_second = fresh.capacity, fresh.per_second
        if bucket.wait(now) > 0:
            raise RestError("QUERY_LIMIT_EXCEEDED", "Too many requests", 503)
        bucket.pour(now)

    def fill(self, portal: str, source: str, level: float) -> None:
        """Set how full a bucket is."""
        settings = self.world.settings
        fresh = Bucket(settings["bitrix24_bucket"], settings["bitrix24_leak_per_second"])
        self.buckets.setdefault((portal, source), fresh).fill(level, time.monotonic())

    # Running methods

    def run(self, access: Access, method: str, params: Params) -> dict[str, Any]:
        """One method within the rights and the operating time; the answer's `result`, `total` and `next`."""
        if access.caller.by_webhook and method.startswith(APP_ONLY):
            raise RestError("WRONG_AUTH_TYPE", "Current authorization type is denied for this method", 403)
        section = method.partition(".")[0]
        if access.scope and section not in ("profile", "batch") and SCOPES.get(section, section) not in access.scope:
            raise RestError("insufficient_scope", "The request requires higher privileges than provided", 403)
        self._charge(access, method)
        result = self.portals.call(method, access.caller, params)
        counted = {"total": result.total, "next": result.next}
        return {"result": result.value} | {key: value for key, value in counted.items() if value is not None}

    def _charge(self, access: Access, method: str) -> None:
        settings = self.world.settings
        used = self.operating.setdefault((access.key, method), Operating())
        now = time.time()
        if settings["bitrix24_limits"] and used.total(now) >= settings["bitrix24_operating_limit"]:
            raise RestError("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", 429)
        used.charge(settings["bitrix24_operating_seconds"], now)

    def charge(self, key: str, method: str, seconds: float) -> None:
        """Add operating time to a method of one webhook code or application."""
        self.operating.setdefault((key, method), Operating()).charge(seconds, time.time())

    def batch(self, access: Access, params: Params) -> dict[str, Any]:
        """Commands in their order; empty maps, and maps with keys 0..n-1, come out as lists, as PHP prints them."""
        done: dict[str, dict[str, Any]] = {name: {} for name in ("result", "error", "total", "next", "time")}
        halt = str(params.get("halt", 0)).lower() in ("1", "true", "y")
        for index, (key, command) in enumerate(_commands(params)):
            started = time.time()
            try:
                if index >= BATCH_MAX:
                    raise RestError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
                method, _, query = str(command).partition("?")
                method = method.lower()
                if method == "batch":
                    raise RestError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage", 405)
                told = _resolved(nested(parse_qsl(query, keep_blank_values=True)), done["result"])
                answer = self.run(access, method, told)
            except RestError as error:
                done["error"][key] = {"error": error.code, "error_description": error.description}
                if halt:
                    break
                continue
            done["result"][key] = answer["result"]
            done["time"][key] = self._time(started, access, method)
            for name in ("total", "next"):
                if name in answer:
                    done[name][key] = answer[name]
        return {name if name == "result" else f"result_{name}": php_map(values) for name, values in done.items()}

    def _enveloped(self, answer: dict[str, Any], started: float, access: Access, method: str) -> Response:
        return JSONResponse({**answer, "time": self._time(started, access, method)})

    def _time(self, started: float, access: Access, method: str) -> dict[str, Any]:
        now = time.time()
        used = self.operating.get((access.key, method)) or Operating()
        return {
            "start": started,
            "finish": now,
            "duration": now - started,
            "processing": now - started,
            "date_start": _date(started),
            "date_finish": _date(now),
            "operating_reset_at": used.reset_at(now),
            "operating": used.total(now),
        }

    # Tokens of applications

    def issue(self, portal: str, user_id: int, scope: list[str], *, client_id: str, expires_in: int) -> dict[str, Any]:
        """A new pair of tokens; refreshing replaces both."""
        access, refresh = token_hex(16), token_hex(16)
        row = {
            "portal": portal,
            "user_id": user_id,
            "scope": scope,
            "client_id": client_id,
            "refresh": refresh,
            "expires": time.time() + expires_in,
        }
        self.tokens.put(access, row)
        domain = f"localhost:{self.world.ports.get('tls', 0)}"
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires": int(row["expires"]),
            "expires_in": expires_in,
            "client_endpoint": f"https://{domain}/rest/",
            "server_endpoint": f"https://{domain}/rest/",
            "domain": "oauth.sandbox",
            "member_id": self.portals.portal(portal)["member_id"],
            "scope": ",".join(scope),
            "status": "L",
            "user_id": user_id,
        }

    async def oauth_endpoint(self, request: Request) -> Response:
        try:
            params = await request_params(request)
        except BadBody:
            params = {}
        if params.get("grant_type") != "refresh_token" or not params.get("client_secret"):
            return _error(RestError("invalid_request", "Wrong grant_type or no client_secret"))
        found = [(token, row) for token, row in self.tokens.items() if row["refresh"] == params.get("refresh_token")]
        if not found:
            return _error(RestError("invalid_grant", "Wrong refresh token"))
        token, row = found[0]
        if row["client_id"] != params.get("client_id"):
            return _error(RestError("invalid_client", "Wrong client", 401))
        self.tokens.drop(token)
        fresh = self.issue(
            row["portal"], row["user_id"], row["scope"], client_id=row["client_id"], expires_in=TOKEN_SECONDS
        )
        return JSONResponse(fresh)

    # Events to the outside

    def _tell_hooks(self, portal: str, event: str, number: int) -> None:
        """Each outgoing webhook of the portal hears of a change once; what it misses is lost, as with the vendor."""
        for row in self.hooks:
            if row["portal"] == portal and (not row["events"] or event in row["events"]):
                task = asyncio.get_running_loop().create_task(self._post_event(row, event, number))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _post_event(self, hook: dict[str, Any], event: str, number: int) -> None:
        domain = f"localhost:{self.world.ports.get('tls', 0)}"
        ident = "data[FIELDS_AFTER][ID]" if event.startswith("ONTASK") else "data[FIELDS][ID]"
        form = {
            "event": event,
            "event_handler_id": "1",
            ident: str(number),
            "ts": str(int(time.time())),
            "auth[domain]": domain,
            "auth[client_endpoint]": f"https://{domain}/rest/",
            "auth[server_endpoint]": f"https://{domain}/rest/",
            "auth[member_id]": self.portals.portal(hook["portal"])["member_id"],
            "auth[application_token]": hook["application_token"],
        }
        try:
            await self._http.post(hook["url"], data=form)
        except (httpx.HTTPError, httpx.InvalidURL):
            return


def _commands(params: Params) -> list[tuple[str, Any]]:
    told = params.get("cmd") or {}
    return [(str(index), one) for index, one in enumerate(told)] if isinstance(told, list) else list(told.items())


def _resolved(value: Any, results: dict[str, Any]) -> Any:
    """Parameters with `$result[key][field]` replaced; what is not there becomes empty."""
    if isinstance(value, dict):
        return {key: _resolved(one, results) for key, one in value.items()}
    if isinstance(value, list):
        return [_resolved(one, results) for one in value]
    whole = REFERENCE.fullmatch(value)
    if whole:
        return _looked_up(whole[1], results)
    return REFERENCE.sub(lambda match: str(_looked_up(match[1], results)), value)


def _looked_up(path: str, results: Any) -> Any:
    node = results
    for part in re.findall(r"\[([^\[\]]+)\]", path):
        if isinstance(node, list):
            node = node[int(part)] if part.isdigit() and int(part) < len(node) else None
        else:
            node = node.get(part) if isinstance(node, dict) else None
    return "" if node is None else node


def _portal_name(code: str) -> str:
    match = OPEN_CODE.fullmatch(code)
    return (match[1] or "main") if match else ""


def _error(error: RestError) -> Response:
    return JSONResponse({"error": error.code, "error_description": error.description}, error.status)


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone(ZONE).isoformat(timespec="seconds")
