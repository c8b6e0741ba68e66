"""Refresh the third-party files of `static/vendor/` from npm packages: `python deploy/refresh_vendor.py`.

Needs `npm` on the path; the result is committed, so nobody else needs it. To move to a new version, change it in
`PACKAGES`, run this, look at the pages, commit. Icons are listed in `ICONS`: only those go into the sprite.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"

PACKAGES = {
    "htmx.org": "2.0.11",
    "uplot": "1.6.32",
    "@tabler/icons": "3.51.0",
    "@fontsource-variable/golos-text": "5.3.0",
}
# package -> folder under static/vendor, then file in the package -> file in the folder
FILES = {
    "htmx.org": ("htmx", {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "LICENSE"}),
    "uplot": (
        "uplot",
        {"dist/uPlot.iife.min.js": "uplot.min.js", "dist/uPlot.min.css": "uplot.min.css", "LICENSE": "LICENSE"},
    ),
    "@tabler/icons": ("tabler", {"LICENSE": "LICENSE"}),
    "@fontsource-variable/golos-text": (
        "golos-text",
        {
            "files/golos-text-cyrillic-wght-normal.woff2": "cyrillic.woff2",
            "files/golos-text-latin-wght-normal.woff2": "latin.woff2",
            "files/golos-text-latin-ext-wght-normal.woff2": "latin-ext.woff2",  # holds the rouble sign
            "LICENSE": "LICENSE",
        },
    ),
}
ICONS = """
    alert-triangle arrow-back-up arrow-down arrow-left ban bell brand-instagram brand-telegram brand-vk brand-whatsapp
    calendar calendar-plus chart-bar check checks chevron-down chevron-right clock coffee device-desktop-analytics
    external-link file flame help history id inbox info-circle list-check lock logout mail message message-2
    message-circle messages moon note phone phone-call photo refresh robot search send settings shield-check sparkles
    sun tag template user user-check user-plus users volume wifi-off world x
""".split()  # noqa: SIM905 - names in lines read better than a list


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        for package, version in PACKAGES.items():
            folder, files = FILES[package]
            unpacked = fetch(package, version, Path(scratch) / folder)
            target = VENDOR / folder
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for source, name in files.items():
                (target / name).write_bytes((unpacked / source).read_bytes())
            if package == "@tabler/icons":
                (target / "icons.svg").write_text(sprite(unpacked / "icons" / "outline"), encoding="utf-8")
    lines = [f"{package} {version}" for package, version in PACKAGES.items()]
    (VENDOR / "VERSIONS").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def fetch(package: str, version: str, into: Path) -> Path:
    """Download and unpack one npm package; the folder that holds its files."""
    into.mkdir(parents=True)
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is not installed: it is needed to refresh the vendored files.")
    subprocess.run([npm, "pack", "--silent", f"{package}@{version}"], cwd=into, check=True)  # noqa: S603 - versions of ours
    with tarfile.open(next(into.glob("*.tgz"))) as archive:
        archive.extractall(into, filter="data")
    return into / "package"


def sprite(icons: Path) -> str:
    """One SVG with a `<symbol id="NAME">` for each icon."""
    symbols = []
    for name in sorted(ICONS):
        drawing = (icons / f"{name}.svg").read_text(encoding="utf-8")
        body = re.search(r"<svg[^>]*>(.*)</svg>", drawing, re.S)
        if body is None:
            raise SystemExit(f"{name}.svg is no SVG drawing")
        shapes = re.sub(r'\s*<path stroke="none"[^>]*/>', "", body[1])
        shapes = re.sub(r"\s+", " ", shapes).strip().replace("> <", "><")
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


if __name__ == "__main__":
    sys.exit(main())
