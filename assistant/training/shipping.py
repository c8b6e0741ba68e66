"""The weights that come with the product: fitted to the training texts, made honest on the development texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from assistant.model import Model
from assistant.training.examples import HELD_BACK, Example, lines_of
from assistant.training.fitting import fit, signs_of, tempered
from assistant.training.measures import learned_texts
from assistant.understanding import ServiceInfo

PriceLists = Mapping[str, Sequence[ServiceInfo]]  # by trade


def shipped_weights(price_lists: PriceLists) -> Model:
    """Weights of the committed texts; each trade is read with its pack's price list."""
    texts = labelled(learned_texts(), price_lists)
    dev = labelled(lines_of(HELD_BACK / "dev.jsonl"), price_lists)
    model = fit([signs_of(example) for example in texts], texts)
    return replace(model, heat=tempered(model, [signs_of(example) for example in dev], dev))


def labelled(lines: Sequence[dict[str, Any]], price_lists: PriceLists) -> list[Example]:
    return [Example.read(line, price_lists[line["trade"]]) for line in lines]
