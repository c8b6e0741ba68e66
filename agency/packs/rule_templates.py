"""Ready routing rules of the packs, for the gallery of the page «Правила»; a trade sees its own and those for all."""

from __future__ import annotations

import re
from functools import cache
from typing import get_args

from agency.packs.loading import FOLDER
from agency.packs.section import Section, read_file
from agency.packs.shapes import TRADES
from routing.gallery import Ask, AskKind, Template
from routing.rules.reading import read_rules


def templates_of(trade: str) -> tuple[Template, ...]:
    """In the order of the file. Raises PackError."""
    return tuple(template for template, trades in _all() if trade in trades)


def base_text(trade: str) -> str:
    """Rules that are good for any business of the trade as they are: they mark and order, and give nobody a lead."""
    return "".join(template.text for template in templates_of(trade) if template.is_base)


@cache
def _all() -> tuple[tuple[Template, tuple[str, ...]], ...]:
    top = read_file(FOLDER / "rules" / "ready.yaml")
    found = [_template(item) for item in top.sections("templates")]
    top.close()
    keys = [template.key for template, _ in found]
    for key in keys:
        if keys.count(key) > 1 or not re.fullmatch(r"[a-z][a-z-]*", key):
            raise top.wrong("templates", f"{key!r} stands twice, or is not of small Latin letters and hyphens")
    return tuple(found)


def _template(item: Section) -> tuple[Template, tuple[str, ...]]:
    template = Template(
        key=item.text("key"),
        title=item.text("title"),
        about=item.text("about"),
        text=item.text("text"),
        asks=tuple(_ask(each) for each in item.sections("asks", [])),
        is_base=item.flag("base", False),
    )
    trades = item.texts("trades", TRADES)
    item.close()
    if unknown := set(trades) - set(TRADES):
        raise item.wrong("trades", f"there is no trade {sorted(unknown)[0]!r}")
    if errors := read_rules(template.text).errors:
        raise item.wrong("text", str(errors[0]))
    if set(re.findall(r"\{(\w+)\}", template.text)) != {ask.key for ask in template.asks}:
        raise item.wrong("asks", "must name exactly what the text has in braces")
    return template, trades


def _ask(item: Section) -> Ask:
    kind: AskKind = item.choice("kind", get_args(AskKind))  # type: ignore[assignment]  # one of these very words
    ask = Ask(item.text("key"), item.text("title"), kind)
    item.close()
    return ask
