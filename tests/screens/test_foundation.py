"""What every screen stands on: nothing inline, nothing from strangers, readable colours, drawings that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SPRITE = (ROOT / "static/vendor/tabler/icons.svg").read_text(encoding="utf-8")
TOKENS = (ROOT / "static/css/tokens.css").read_text(encoding="utf-8")


def without_comments(template: Path) -> str:
    text = template.read_text(encoding="utf-8")
    return re.sub(r"{% comment %}.*?{% endcomment %}|{#.*?#}", "", text, flags=re.S)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_page_needs_no_exception_from_the_content_policy(template):
    text = without_comments(template)

    assert not re.search(r"\sstyle\s*=", text), "an inline style"
    assert not re.search(r"\son[a-z]+\s*=", text), "an inline handler"
    assert not re.search(r"\shx-on[:-]|hx-vals=['\"]js:", text), "htmx that evaluates text as a script"
    assert not re.search(r"<script(?![^>]*\b(src=|type=\"application/json\"))", text), "an inline script"
    assert not re.search(r"(src|href)=[\"'](https?:)?//", text), "a file from another host"


def test_every_icon_that_a_page_draws_is_in_the_sprite():
    from tenants.templatetags.ru import CHANNEL_ICONS

    drawn = set(CHANNEL_ICONS.values())
    for template in TEMPLATES:
        drawn |= set(re.findall(r'{% icon "([a-z0-9-]+)"', without_comments(template)))

    missing = {name for name in drawn if f'<symbol id="{name}"' not in SPRITE}
    assert not missing


def test_every_static_file_that_a_page_names_is_there():
    named = set()
    for template in TEMPLATES:
        named |= set(re.findall(r"{% static ['\"]([^'\"]+)['\"] %}", without_comments(template)))

    assert named
    assert not [path for path in sorted(named) if not (ROOT / "static" / path).is_file()]


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


COLOURS = dict(re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", TOKENS))
PAIRS = [
    ("text", ground)
    for ground in ("paper", "surface", "raised", "sunken", "bubble-client", "bubble-assistant", "bubble-staff", "note")
]
PAIRS += [("text-quiet", ground) for ground in ("paper", "surface", "raised", "sunken", "accent-soft")]
PAIRS += [
    ("accent-text", "surface"),
    ("accent-text", "accent-soft"),
    ("text-on-accent", "accent"),
    ("text-on-hot", "hot"),
    ("hot-text", "surface"),
    ("warm-text", "warm-soft"),
    ("cold-text", "cold-soft"),
    ("late-text", "surface"),
    ("late-text", "late-soft"),
    ("good-text", "good-soft"),
]


@pytest.mark.parametrize(("ink", "ground"), PAIRS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_words_are_readable_on_their_ground(ink, ground, theme):
    assert contrast(COLOURS[ink].split(", ")[theme], COLOURS[ground].split(", ")[theme]) >= 4.5


def test_components_use_roles_and_no_paint_of_their_own():
    for sheet in [*(ROOT / "static/css/components").glob("*.css"), ROOT / "static/css/inbox.css"]:
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(", sheet.read_text(encoding="utf-8")), sheet.name
