"""Takes the README's pictures anew from a demo of its own: `python -m tests.e2e.pictures`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from leadhub.environment import BASE_DIR
from tests.e2e.browsers import CHROMIUM
from tests.e2e.people import Desk
from tests.e2e.product import Product, TelegramClient
from tests.services.copies import free_port

IMAGES = BASE_DIR / "docs" / "images"
HEAVIEST = 300 * 1024  # bytes


def inbox(desk: Desk, product: Product, file: Path) -> None:
    """A hot client has just been offered times; the receptionist looks why she is the one to be called."""
    page = desk.member("receptionist", "inbox/")
    client = TelegramClient(product, 700100, "Алина Фролова")
    client.writes("Здравствуйте! Хочу на окрашивание в один тон завтра после 12, лучше к Ольге")
    page.locator("[data-rows] > li").filter(has_text="Алина Фролова").first.click()
    page.locator("#card .score summary").click()
    page.locator("#toasts [data-close]").evaluate_all("buttons => buttons.forEach(button => button.click())")
    page.locator("#conversation-head h1").hover()
    page.wait_for_timeout(1000)  # fonts and the swap have settled
    page.screenshot(path=file, animations="disabled")


def main() -> int:
    if CHROMIUM is None:
        sys.stderr.write("chromium is needed (Debian: apt-get install chromium)\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder), free_port())
        try:
            product.start().wait_ready()
            desk = Desk(product, CHROMIUM)
            inbox(desk, product, IMAGES / "inbox.png")
            desk.close()
        finally:
            product.end()
    if desk.complaints:
        sys.stderr.write("\n".join(desk.complaints) + "\n")
    return int(any(file.stat().st_size > HEAVIEST for file in IMAGES.glob("*.png")))


if __name__ == "__main__":
    sys.exit(main())
