"""How figures are written: units, thin spaces, a dash where there is nothing to tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tenants.templatetags.ru import NBSP, number, rub

NOTHING = "—"


def count(value: float) -> str:
    return number(round(value))


def percent(value: float) -> str:
    """0.425 -> «43 %»."""
    return f"{int(value * 100 + 0.5)}{NBSP}%"


def money(kopecks: float) -> str:
    """Whole roubles: 49 999 kopecks -> «500 ₽»."""
    return rub(int(kopecks / 100 + 0.5) * 100)


def seconds(value: float) -> str:
    """2.34 -> «2,3 с», 75 -> «1 мин 15 с», 5400 -> «1 ч 30 мин», 100000 -> «1 дн 4 ч»."""
    if value < 10:
        return f"{value:.1f}".replace(".", ",").removesuffix(",0") + f"{NBSP}с"
    if value < 60:
        return f"{round(value)}{NBSP}с"
    if value < 600:
        return _two(round(value), 60, "мин", "с")
    if value < 3600:
        return f"{round(value / 60)}{NBSP}мин"
    if value < 86400:
        return _two(round(value / 60), 60, "ч", "мин")
    return _two(round(value / 3600), 24, "дн", "ч")


def _two(value: int, base: int, large: str, small: str) -> str:
    whole, rest = divmod(value, base)
    return f"{whole}{NBSP}{large}" + (f" {rest}{NBSP}{small}" if rest else "")


def hours(value: float) -> str:
    """3.25 -> «3,3 ч»."""
    text = f"{value:.1f}".replace(".", ",") if value < 10 else number(round(value))
    return f"{text.removesuffix(',0')}{NBSP}ч"


UNITS: dict[str, Callable[[float], str]] = {
    "count": count,
    "percent": percent,
    "money": money,
    "seconds": seconds,
    "hours": hours,
}


def written(value: float | None, unit: str) -> str:
    """A figure with its unit; a dash for None."""
    return NOTHING if value is None else UNITS[unit](value)


def hour_and_minute(moment: datetime) -> str:
    return f"{moment.hour}:{moment:%M}"
