"""How well messages are understood: figures over labelled lines and what the engine made of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.training.examples import HELD_BACK, TEXTS, lines_of
from assistant.understanding import Understanding

Pairs = Sequence[tuple[dict[str, Any], Understanding]]  # a labelled line and what was understood of it
_NEAR = 0.6  # from this share of common 5-letter runs on, two texts are near-duplicates


@dataclass(frozen=True)
class Rates:
    precision: float
    recall: float
    count: int  # how many there really are

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def rates(told: Sequence[Hashable], true: Sequence[Hashable], label: Hashable) -> Rates:
    hits = sum(a == b == label for a, b in zip(told, true, strict=True))
    return _rates(hits, sum(a == label for a in told), sum(b == label for b in true))


def by_label(told: Sequence[Hashable], true: Sequence[Hashable], labels: Iterable[Hashable]) -> dict[Hashable, Rates]:
    return {label: rates(told, true, label) for label in labels if label in true or label in told}


def macro_f1(table: dict[Hashable, Rates]) -> float:
    return sum(each.f1 for each in table.values()) / len(table) if table else 0.0


def confusions(told: Sequence[str], true: Sequence[str]) -> list[tuple[str, str, int]]:
    """(true, told, how often), the commonest first."""
    pairs = Counter((b, a) for a, b in zip(told, true, strict=True) if a != b)
    return [(b, a, count) for (b, a), count in pairs.most_common()]


def several_intents(pairs: Pairs) -> Rates:
    """Over the intents that messages hold beside the leading one."""
    hits = told = true = 0
    for line, meaning in pairs:
        ours, theirs = set(meaning.intents), set(line["intents"])
        if len(ours) > 1 or len(theirs) > 1:
            hits, told, true = hits + len(ours & theirs), told + len(ours), true + len(theirs)
    return _rates(hits, told, true)


def calibration_error(sure: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """How far the confidence lies from how often it is right, over equal steps of confidence; 0 is honest."""
    error = 0.0
    for number in range(bins):
        held = [at for at, value in enumerate(sure) if min(int(value * bins), bins - 1) == number]
        if held:
            error += abs(sum(sure[at] for at in held) - sum(right[at] for at in held)) / len(sure)
    return error


# Slots


def spans(pairs: Pairs, kind: str, agree: Callable[[str, str], bool]) -> Rates:
    """Found words against true words of one kind of slot, each matched once."""
    hits = told = true = 0
    for line, meaning in pairs:
        ours = [slot.text for slot in getattr(meaning.slots, kind)]
        theirs = list(line.get(kind, []))
        told, true = told + len(ours), true + len(theirs)
        for words in theirs:
            match = next((own for own in ours if agree(own, words)), None)
            if match is not None:
                ours.remove(match)
                hits += 1
    return _rates(hits, told, true)


def overlap(own: str, words: str) -> bool:
    """Whether two spans share a word of substance, or one stands inside the other."""
    one, other = plain(own), plain(words)
    return one in other or other in one or bool({w for w in one.split() if len(w) > 2} & set(other.split()))


def same(own: str, words: str) -> bool:
    return plain(own) == plain(words)


def phones_exact(pairs: Pairs) -> float:
    """Of the messages with a number told or true, how many give exactly the true ones."""
    judged = []
    for line, meaning in pairs:
        ours, theirs = {slot.e164 for slot in meaning.slots.phone}, {e164(words) for words in line.get("phone", [])}
        if ours or theirs:
            judged.append(ours == theirs)
    return share(judged)


def zones(pairs: Pairs) -> float:
    """Of the true places, how many are found and lie in the right zone."""
    judged = []
    for line, meaning in pairs:
        for words, zone in line.get("geo", []):
            judged.append(any(overlap(slot.text, words) and slot.zone == zone for slot in meaning.slots.geo))
    return share(judged)


def service_lines(pairs: Pairs, price_lists: dict[str, Sequence[Any]]) -> float:
    """Of the services whose line of the price list is known, how many were matched to it."""
    judged = []
    for line, meaning in pairs:
        names = {info.id: plain(info.name) for info in price_lists[line["trade"]]}
        found = {names.get(slot.service_id) for slot in meaning.slots.service}
        judged += [plain(name) in found for name in line.get("service_name", []) if name]
    return share(judged)


def e164(words: str) -> str:
    digits = re.sub(r"\D", "", words)
    if words.strip().startswith("+") and not digits.startswith("7"):
        return f"+{digits}"
    return f"+7{digits[-10:]}"


# Times


@dataclass(frozen=True)
class TimeRates:
    """`exact`: a moment is right to the minute; `interval`: both ends of a stretch are; `left_alone`: none seen."""

    exact: float
    interval: float
    left_alone: float


def times(answers: Sequence[tuple[list[dict[str, Any]], list[tuple[str, str | None]]]]) -> TimeRates:
    """Of (true times, told (start, end)) for each phrase; times as ISO minutes."""
    exact, interval, alone = [], [], []
    for true, told in answers:
        if not true:
            alone.append(not told)
        for each in true:
            is_moment = each["end"] is None or each["start"] == each["end"]
            if is_moment:
                exact.append(any(start == each["start"] for start, _ in told))
            else:
                interval.append((each["start"], each["end"]) in told)
    return TimeRates(share(exact), share(interval), share(alone))


def times_of(meaning: Understanding) -> list[tuple[str, str | None]]:
    return [
        (slot.start.isoformat(timespec="minutes"), slot.end.isoformat(timespec="minutes") if slot.end else None)
        for slot in meaning.slots.datetime
    ]


# Texts


def near_duplicates(held_back: Sequence[dict[str, Any]], texts: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Ids of held-back texts with the training text that each is nearly the same as."""
    runs = [(line["id"], _runs(line["text"])) for line in texts]
    where: dict[str, list[int]] = {}
    for number, (_, held) in enumerate(runs):
        for run in held:
            where.setdefault(run, []).append(number)
    found = []
    for line in held_back:
        own = _runs(line["text"])
        common = Counter(number for run in own for number in where.get(run, ()))
        for number, count in common.most_common(20):
            if count / (len(own) + len(runs[number][1]) - count) >= _NEAR:
                found.append((line["id"], runs[number][0]))
    return found


def learned_texts() -> list[dict[str, Any]]:
    """The labelled lines that are learned from: all but those that a held-back text nearly repeats."""
    lines = lines_of(*sorted(TEXTS.glob("*.jsonl")))
    held_back = lines_of(HELD_BACK / "dev.jsonl", HELD_BACK / "test.jsonl")
    repeated = {learned for _, learned in near_duplicates(held_back, lines)}
    return [line for line in lines if line["id"] not in repeated]


def _runs(text: str) -> frozenset[str]:
    letters = " ".join(re.findall(r"\w+", plain(text)))
    return frozenset(letters[at : at + 5] for at in range(max(1, len(letters) - 4)))


def plain(text: str) -> str:
    return " ".join(text.lower().replace("ё", "е").split()).strip(" ,.!?;:«»\"'()")


def share(judged: Sequence[bool]) -> float:
    """How many are true; 1 when there is nothing to judge."""
    return sum(judged) / len(judged) if judged else 1.0


def _rates(hits: int, told: int, true: int) -> Rates:
    return Rates(hits / told if told else 1.0, hits / true if true else 1.0, true)
