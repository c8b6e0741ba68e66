"""Browsers of the people in the walk: visitors of the site, those at the desk, the owner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response, sync_playwright

from leadhub.environment import BASE_DIR
from tests.e2e.product import MOMENTS, PASSWORD, SALON, Product, until

ARTIFACTS = BASE_DIR / "tests" / "artifacts"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Desk:
    """One browser; each person has a context of their own in it."""

    def __init__(self, product: Product, chromium: str | None) -> None:
        self.product = product
        self.complaints: list[str] = []
        self._playwright = sync_playwright().start()
        self.browser: Browser = self._playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)

    def close(self) -> None:
        self.browser.close()
        self._playwright.stop()

    def stranger(self, *, phone: bool = False) -> Page:
        """Somebody whom the product does not know."""
        context = self.browser.new_context(
            viewport=PHONE if phone else WIDE,
            has_touch=phone,
            is_mobile=phone,
            locale="ru-RU",
            timezone_id="Asia/Yekaterinburg",
            reduced_motion="reduce",
        )
        context.set_default_timeout(MOMENTS * 1000)
        page = context.new_page()
        self._watch(page)
        return page

    def member(self, role: str, path: str, *, tenant: str = SALON, phone: bool = False) -> Page:
        """Signed in by the login page, which was opened by asking for `path` of the tenant."""
        page = self.stranger(phone=phone)
        page.goto(self.url(path, tenant))
        assert "/accounts/login/" in page.url
        page.locator("input[name=login]").fill(f"{role}@{tenant}.demo")
        page.locator("input[name=password]").fill(PASSWORD)
        page.get_by_role("button", name="Войти").click()
        page.wait_for_url(f"**/t/{tenant}/{path}**")
        return page

    def url(self, path: str, tenant: str = SALON) -> str:
        return f"{self.product.url}/t/{tenant}/{path}"

    def _watch(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.location.get('url')}: {message.text}")

    def _failed(self, request: Request) -> None:
        # A page that is left closes its stream and lets go of what it was asking for.
        if request.method != "GET" or request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.request.method} {response.url}: {response.status}")


class Visitor:
    """A client who writes in the chat of the site."""

    def __init__(self, desk: Desk, *, phone: bool = False) -> None:
        self.page = desk.stranger(phone=phone)
        self.page.goto(desk.url("site/"))
        self.open_chat()

    def open_chat(self) -> None:
        self.page.get_by_role("button", name="Написать нам").click()

    def writes(self, text: str) -> str:
        """The first answer to it."""
        box = self.page.get_by_role("textbox", name="Сообщение")
        return self._answer_after(lambda: (box.fill(text), box.press("Enter")))

    def taps(self, choice: str | None = None) -> str:
        """An offered answer, the first when none is named; what comes back."""
        chips = self.choices
        chip = chips.first if choice is None else chips.filter(has_text=choice).first
        return self._answer_after(chip.click)

    @property
    def choices(self) -> Locator:
        return self.page.get_by_role("group", name="Варианты ответа").get_by_role("button")

    @property
    def heard(self) -> Locator:
        """The business's messages, the widget's own greeting first."""
        return self.page.locator(".log > .m:not(.me)").filter(has_not_text="печатает…")

    @property
    def said(self) -> Locator:
        return self.page.locator(".log > .m.me")

    def _answer_after(self, act: Callable[[], object]) -> str:
        before = self.heard.count()
        act()
        until(lambda: self.page.wait_for_timeout(100) or self.heard.count() > before, "an answer in the chat")
        return plain(self.heard.last.inner_text())


def plain(text: str) -> str:
    """Spaces that do not break made ordinary ones."""
    return text.replace("\xa0", " ").replace("\u202f", " ")


def shot(page: Page, name: str, *, whole: bool = False) -> Path:
    """A picture for the reader of the run."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    file = ARTIFACTS / f"walk-{name}-{page.viewport_size['width']}.png"
    page.screenshot(path=file, full_page=whole, animations="disabled")
    return file
