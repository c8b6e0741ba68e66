"""The trained weights of the local engine: which sign speaks for what, and how loudly.

Linear, so it needs nothing but Python: a sign's weights for all labels lie side by side in one long integer, and adding
two such integers adds all weights at once. A message costs a fraction of a millisecond. Trained by `manage.py train`.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from assistant.signs import BLOCKS
from assistant.understanding import INTENTS

HERE = Path(__file__).parent
ARTEFACT = HERE / "weights.bin"
# What is decided about a message, each with its labels: one of several, or for a lone label yes or no.
HEADS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("intent", INTENTS),
    *((f"also {intent}", ("yes",)) for intent in INTENTS if intent not in ("spam", "other")),  # beside the leading one
    ("urgent", ("yes",)),
    ("price_sensitive", ("yes",)),
    ("emotion", ("angry", "neutral", "positive")),
)
LANES = sum(len(labels) for _, labels in HEADS)
_PLACES = {name: (sum(len(labels) for _, labels in HEADS[:at]), labels) for at, (name, labels) in enumerate(HEADS)}
STEP = 1 / 512  # the smallest difference between two weights; they lie within +-64
_MIDDLE = 1 << 15  # stored weights are shifted up by this, so that lanes never borrow from each other
_LANE = 32  # bits: room for the sum of 65,536 stored weights
_MASK = (1 << _LANE) - 1
_FORMAT = 1


class WrongBase(ValueError):
    """The weights were trained on top of other base weights than the ones given."""


@dataclass(frozen=True)
class Model:
    """Weights for every sign known; with a `base`, only what is added to the base's.

    `heat` divides the scores of the intents before they become chances, so that a chance is how often it is right."""

    rows: Mapping[str, Mapping[str, int]]  # by block and sign: the weights, packed
    bias: tuple[float, ...]
    heat: float = 1.0
    base: Model | None = None
    fingerprint: str = field(default="", compare=False)

    def scores(self, blocks: Mapping[str, Iterable[str]]) -> list[float]:
        """One score a lane for the signs of a message; 0 is undecided."""
        total = list(self.bias) if self.base is None else self.base.scores(blocks)
        if self.base is not None:
            total = [have + more for have, more in zip(total, self.bias, strict=True)]
        for block in BLOCKS:
            signs = blocks[block]
            scale = length(block, len(signs))  # type: ignore[arg-type]  # any sized block will do
            for lane, value in enumerate(self._sum(block, signs)):
                total[lane] += value * scale
        return total

    def margin(self, block: str, signs: Sequence[str], lane: int, other: int) -> float:
        """How much more some signs speak for one lane than for another, whatever the length of the message."""
        packed, count = self._packed(block, signs)
        own = ((packed >> lane * _LANE & _MASK) - (packed >> other * _LANE & _MASK)) * STEP if count else 0.0
        return own if self.base is None else own + self.base.margin(block, signs, lane, other)

    def _sum(self, block: str, signs: Iterable[str]) -> list[float]:
        packed, count = self._packed(block, signs)
        lanes = array("I", packed.to_bytes(LANES * _LANE // 8, sys.byteorder))
        if sys.byteorder == "big":
            lanes.reverse()
        shift = count * _MIDDLE
        return [(lane - shift) * STEP for lane in lanes]

    def _packed(self, block: str, signs: Iterable[str]) -> tuple[int, int]:
        """The rows of the signs that are known, added up, and how many they are."""
        find = self.rows[block].get
        found = [row for row in map(find, signs) if row is not None]
        return sum(found), len(found)

    def save(self) -> bytes:
        """The same weights always give the same bytes."""
        head = {
            "format": _FORMAT,
            "heads": HEADS,
            "bias": self.bias,
            "heat": self.heat,
            "base": self.base.fingerprint if self.base else "",
            "signs": {block: "\n".join(self.rows[block]) for block in BLOCKS},
        }
        start = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
        body = b"".join(_narrow(row) for block in BLOCKS for row in self.rows[block].values())
        return zlib.compress(len(start).to_bytes(4, "little") + start + body, 9)

    @classmethod
    def load(cls, data: bytes, *, base: Model | None = None) -> Model:
        """Raises ValueError for what is no model of this version, WrongBase when it was trained on another base."""
        try:
            raw = zlib.decompress(data)
            end = 4 + int.from_bytes(raw[:4], "little")
            head = json.loads(raw[4:end])
        except (zlib.error, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError("no weights") from error
        if head.get("format") != _FORMAT or head["heads"] != json.loads(json.dumps(HEADS)):
            raise ValueError("weights of another version")
        if head["base"] != (base.fingerprint if base else ""):
            raise WrongBase
        rows: dict[str, dict[str, int]] = {}
        size, at = LANES * _LANE // 8, end
        for block in BLOCKS:
            signs = head["signs"][block].split("\n") if head["signs"][block] else []
            wide = _wide(raw[at : at + len(signs) * LANES * 2])
            rows[block] = {
                sign: int.from_bytes(wide[number * size : (number + 1) * size], "little")
                for number, sign in enumerate(signs)
            }
            at += len(signs) * LANES * 2
        return cls(rows, tuple(head["bias"]), head["heat"], base, hashlib.sha256(data).hexdigest()[:16])


def lanes_of(name: str, scores: Sequence[float]) -> dict[str, float]:
    """The scores of one head by label."""
    start, labels = _PLACES[name]
    return dict(zip(labels, scores[start : start + len(labels)], strict=True))


def place_of(name: str, label: str = "yes") -> int:
    """The lane of a label."""
    start, labels = _PLACES[name]
    return start + labels.index(label)


def length(block: str, signs: int) -> float:
    """What the signs of a block are multiplied by, so that long and short messages are weighed alike."""
    if block == "rules":
        return 1.0
    return 1 / math.sqrt(signs) if signs else 0.0


def packed(weights: Sequence[int]) -> int:
    """Weights counted in STEPs, one a lane, as one integer."""
    row = 0
    for weight in reversed(weights):
        row = row << _LANE | (max(-_MIDDLE, min(_MIDDLE - 1, weight)) + _MIDDLE)
    return row


def _narrow(row: int) -> bytes:
    """A packed row as two little-endian bytes a lane."""
    lanes = array("H", [row >> lane * _LANE & _MASK for lane in range(LANES)])
    if sys.byteorder == "big":
        lanes.byteswap()
    return lanes.tobytes()


def _wide(narrow: bytes) -> bytes:
    """Two little-endian bytes a lane as _LANE bits a lane."""
    lanes = array("H", narrow)
    if sys.byteorder == "big":
        lanes.byteswap()
    spread = array("I", lanes)
    if sys.byteorder == "big":
        spread.byteswap()
    return spread.tobytes()


@cache
def shipped() -> Model:
    """The weights that come with the product."""
    return Model.load(ARTEFACT.read_bytes())
