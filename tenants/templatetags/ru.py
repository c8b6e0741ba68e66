"""What templates need to speak Russian and to draw: `{% load ru %}`.

Thousands are parted by a narrow no-break space, a number stands off its unit by a no-break space.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from leadhub import clock

register = template.Library()

THIN = "\u202f"
NBSP = "\u00a0"
CHANNEL_ICONS = {
    "telegram": "brand-telegram",
    "whatsapp": "brand-whatsapp",
    "instagram": "brand-instagram",
    "vk": "brand-vk",
    "max": "message-circle",
    "webchat": "messages",
    "form": "file",
    "email": "mail",
    "sms": "message-2",
    "mango": "phone",
    "uis": "phone",
    "zadarma": "phone",
    "webhook": "world",
}


@register.filter
def plural(number: int, forms: str) -> str:
    """The right word of `один,два,пять` for a number: 21 заявка, 22 заявки, 25 заявок. The number is not printed."""
    one, few, many = forms.split(",")
    number = abs(int(number))
    if number % 10 == 1 and number % 100 != 11:
        return one
    if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14):
        return few
    return many


@register.filter
def number(value: int) -> str:
    """1500 -> «1 500»."""
    return f"{int(value):,}".replace(",", THIN).replace("-", "\u2212")


@register.filter
def rub(kopecks: int) -> str:
    """150000 -> «1 500 ₽»; kopecks are shown only where there are any."""
    roubles, rest = divmod(abs(int(kopecks)), 100)
    sign = "\u2212" if kopecks < 0 else ""
    return f"{sign}{number(roubles)}{f',{rest:02d}' if rest else ''}{NBSP}₽"


@register.filter
def minutes(value: int) -> str:
    """90 -> «1 ч 30 мин»."""
    hours, rest = divmod(int(value), 60)
    parts = [f"{hours}{NBSP}ч"] * bool(hours) + [f"{rest}{NBSP}мин"] * bool(rest or not hours)
    return " ".join(parts)


@register.filter
def signed(points: int) -> str:
    """5 -> «+5», -5 -> «−5»."""
    return f"\u2212{abs(points)}" if points < 0 else f"+{points}"


@register.simple_tag
def relative(moment: datetime) -> SafeString:
    """A moment as a `<time>` that turns by itself in the browser; without scripts it shows date and time."""
    local = timezone.localtime(moment)
    full = formats.date_format(local, "j E Y, H:i")
    return format_html('<time datetime="{}" title="{}" data-relative>{}</time>', local.isoformat(), full, full)


@register.simple_tag
def now_iso() -> str:
    """The product's own now, so that the page's clocks agree with the server whatever the reader's machine says."""
    return clock.now().isoformat()


@register.simple_tag
def icon(name: str, title: str = "", small: Any = False) -> SafeString:
    """A drawing of the sprite; with a title it speaks for itself, without one it is decoration."""
    href = f"{static('vendor/tabler/icons.svg')}#{name}"
    kind = "icon icon--small" if small else "icon"
    if title:
        return format_html(
            '<svg class="{}" role="img" aria-label="{}"><title>{}</title><use href="{}"/></svg>',
            kind,
            title,
            title,
            href,
        )
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', kind, href)


@register.simple_tag
def channel_icon(kind: str) -> SafeString:
    return icon(CHANNEL_ICONS.get(kind, "message"), small=True)
