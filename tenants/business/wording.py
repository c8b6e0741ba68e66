"""The words a client reads: the business's own template where there is one, else the catalogue's default."""

from __future__ import annotations

from collections.abc import Mapping

from tenants.business import texts
from tenants.business.models import MessageTemplate


class Wording:
    """All of a business's own texts, read with one query; used for one piece of work."""

    def __init__(self, tone: str = "vy") -> None:
        self._tone = tone
        self._own: dict[str, list[str]] = {}
        for key, text in MessageTemplate.objects.order_by("key", "position").values_list("key", "text"):
            self._own.setdefault(key, []).append(text)

    def say(self, key: str, params: Mapping[str, str], *, turn: int = 0) -> str:
        """The text of `key` with its facts put in. `turn`: how often the conversation heard this text before; the
        variants go round, so that it does not repeat itself. An own text that lost a placeholder's value falls back to
        the catalogue's."""
        own = self._own.get(key)
        default = texts.catalogue().get(key)
        for variants in ([own] if own else []) + ([list(default.spoken(self._tone))] if default else []):
            try:
                return texts.render(variants[turn % len(variants)], params)
            except KeyError:
                continue
        raise KeyError(key)
