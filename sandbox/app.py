"""The stand-ins put together: one application for the plain port, one for the TLS port of the portals."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from .bitrix24 import Bitrix24
from .control import Control
from .llm import Llm
from .push import Push
from .sms import Smsc
from .telegram import Telegram
from .world import World

SCREENS = Path(__file__).parent / "screens"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}


class Sandbox:
    def __init__(self, data: Path) -> None:
        self.world = World(data)
        self.telegram = Telegram(self.world)
        self.sms = Smsc(self.world)
        self.bitrix24 = Bitrix24(self.world)
        self.llm = Llm(self.world)
        self.push = Push(self.world)
        self.control = Control(self.world, self.telegram, self.sms, self.bitrix24, self.llm, self.push)

    async def start(self) -> None:
        """Remember what was, and go on with it."""
        self.world.store.open()
        self.sms.start()
        await self.telegram.start()

    async def stop(self) -> None:
        self.world.stopping.set()
        await self.telegram.stop()
        await self.bitrix24.stop()
        self.world.store.close()

    def plain(self) -> Starlette:
        pages = {"/": "index", "/telegram/": "telegram", "/sms/": "sms", "/bitrix24/": "bitrix24"}
        return Starlette(
            routes=[
                *(Route(path, _page(name)) for path, name in pages.items()),
                Mount("/static", StaticFiles(directory=SCREENS)),
                *self.control.routes(),
                *self.telegram.routes(),
                *self.sms.routes(),
                *self.llm.routes(),
                *self.push.routes(),
                *self.bitrix24.plain_routes(),
            ]
        )

    def tls(self) -> Starlette:
        return Starlette(routes=self.bitrix24.routes())


def _page(name: str):
    async def page(request: Request) -> Response:
        return FileResponse(SCREENS / f"{name}.html", headers=HEADERS)

    return page
