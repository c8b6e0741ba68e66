"""What a classifier sees of a message: pieces of its words, its skeleton, and the rules and slots that spoke up.

Rules stand in `lexicon/intents.yaml`. Every sign is a short string; the trained model knows what each is worth.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import combinations

from assistant import lexicon
from assistant.text import Text, lemma, likeliest
from assistant.understanding import Slots

BLOCKS = ("chars", "words", "rules")  # each kind of sign is weighed for itself
SLOTS = ("service", "datetime", "phone", "name", "geo", "promo")
LONGEST_PIECE = 5  # letters
READ_WORDS = 300  # of a longer message the beginning says what is wanted
LEVELS = (0.35, 0.55, 0.75, 0.9)
_TOKEN = re.compile(r"[a-zа-я]+(?:-[a-zа-я]+)*|\d+|[^\w\s]")
_PAST = re.compile(
    r"(?<![а-я])(?:вчера|позавчера|на прошлой|в прошл\w+|на днях|(?:неделю|месяц|год|дня?|часа?) назад|недавно)"
)
_DAY = re.compile(
    r"(?<![а-я])(?:понедельн\w+|вторн\w+|сред[уые](?![а-я])|четверг\w*|пятниц\w+|суббот\w+|воскресен\w+|пн|вт|ср|чт|пт|сб|вс"
    r"|сегодня|завтра|послезавтра|недел\w+|выходн\w+)(?![а-я])|\d{1,2}(?:-?го|-?ое|-?е|\.\d\d| числ\w+"
    r"| (?:янв|фев|мар|апр|ма[яй]|июн|июл|авг|сен|окт|ноя|дек)\w*)(?![а-я])|\d{1,2}[:.]\d\d"
)
_NEGATION = re.compile(r"(?<![а-я])(?:не|нет|ни|без|нельзя|никак\w*|никто)(?![а-я])")
_LINK = re.compile(
    r"https?://|www\.|t\.me/|wa\.me/|bit\.ly|\S+\.(?:ru|com|site|online|top|net|рф|shop|info|pro|org)\b|@\w{4,}"
)
_MONEY = re.compile(r"\d[\d ]*\s*(?:р|руб\w*|₽|тыс\w*|к|т\.р)(?![а-я])|[₽$€]|\d\s*%")


@dataclass(frozen=True)
class Features:
    """What a classifier may look at."""

    text: Text
    slots: Slots
    attacked: bool = False  # an attack on the machine was cut out of the text
    known_client: bool = False


@dataclass(frozen=True)
class Spoken:
    """A rule that matched: what it speaks for, how strongly (-1..1), its Russian reason."""

    intent: str
    weight: float
    reason: str
    key: str


class Signs:
    """The signs of one message, each computed when it is first asked for."""

    def __init__(self, features: Features):
        self.features = features
        self.plain = features.text.plain

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Words, numbers and signs of punctuation in their order."""
        return tuple(_TOKEN.findall(self.plain)[:READ_WORDS])

    @cached_property
    def spoken(self) -> tuple[Spoken, ...]:
        """Every rule that matched."""
        return tuple(_spoken(self.plain, self.features.text.folded))

    @cached_property
    def urgent_words(self) -> str:
        """The words of pain, bleeding, swelling, trauma, reaction or fever; "" when none or denied."""
        cleaned = regex("not_urgent").sub(" ", self.plain)
        found = regex("urgent").search(cleaned)
        if found is None or (self._has("chronic") and not regex("acute").search(cleaned)):
            return ""
        return short(found.group())

    @cached_property
    def blocks(self) -> dict[str, frozenset[str]]:
        """Everything that the model weighs, by kind."""
        chars = frozenset(piece for token in self.tokens for piece in pieces(token))
        return {"chars": chars, "words": frozenset(self._words()), "rules": frozenset(self._rules())}

    def _words(self) -> Iterable[str]:
        """Dictionary forms, verbs by their form, and the skeleton: runs of up to three, slots named by their kind."""
        yield from self._verbs()
        yield from self._last_words()
        kinds = self._kinds()
        skeleton: list[str] = ["^"]
        for token in self.tokens:
            kind = kinds.get(token)
            if kind is None:
                yield word_form(token)
            name = kind or word_form(token)
            if name != skeleton[-1] or not kind:
                skeleton.append(name)
        skeleton.append("$")
        for size in (2, 3):
            for start in range(len(skeleton) - size + 1):
                yield " ".join(skeleton[start : start + size])

    def _verbs(self) -> Iterable[str]:
        """Who does what, and when: "запишите" orders, "сделали" tells, and "не" turns either round."""
        before = ""
        for token in self.tokens:
            if token[0].isalpha():
                form = verb_form(token)
                if form:
                    yield from (f"/{form}", f"{word_form(token)}/{form}", f"{'не' if before == 'не' else 'да'}/{form}")
                before = token

    def _last_words(self) -> Iterable[str]:
        """The words of the last sentence, where there are several: what is wanted often stands there."""
        sentences = [[]]  # type: list[list[str]]
        for token in self.tokens:
            sentences[-1].append(token)
            if token in {".", "!", "?"}:
                sentences.append([])
        spoken = [words for words in sentences if any(word[0].isalpha() for word in words)]
        if len(spoken) > 1:
            yield from (f"L {word_form(word)}" for word in spoken[-1] if word[0].isalpha())

    def _kinds(self) -> dict[str, str]:
        """Which words of the message belong to which slot."""
        slots = self.features.slots
        named = [("<time>", s.text) for s in slots.datetime] + [("<phone>", s.text) for s in slots.phone]
        named += [("<service>", s.text) for s in slots.service] + [("<name>", s.text) for s in slots.name]
        named += [("<place>", s.text) for s in slots.geo] + [("<code>", s.text) for s in slots.promo]
        kinds: dict[str, str] = {}
        for kind, words in named:
            for token in _TOKEN.findall(words.lower().replace("ё", "е")):
                if token.isdigit() or (token[0].isalpha() and token not in ("в", "на", "с", "к", "до", "и", "по")):
                    kinds.setdefault(token, kind)
        return kinds

    def _rules(self) -> Iterable[str]:
        """Rules, slots and the look of the message; and what stands beside what."""
        facts = list(self._facts())
        chance = self._chance()
        strong = sorted(intent for intent, value in chance.items() if value >= 0.5)
        for intent, value in chance.items():
            yield from (f"{intent}>{level}" for level in LEVELS if value > level)
        if chance:
            yield f"top:{max(chance, key=lambda intent: chance[intent])}"
        yield f"strong:{len(strong)}"
        yield from (f"{one}+{other}" for one, other in combinations(strong, 2))
        yield from (f"{fact}+{intent}" for fact in facts for intent in strong or ["nothing"])
        yield from (f"{one}+{other}" for one, other in combinations(facts, 2))
        yield from facts
        yield from (said.key for said in self.spoken)

    def _chance(self) -> dict[str, float]:
        """The rules of each intent joined as chances are: 1 - (1-a)(1-b)."""
        chance: dict[str, float] = defaultdict(float)
        for said in self.spoken:
            before = chance[said.intent]
            chance[said.intent] = (
                1 - (1 - before) * (1 - said.weight) if said.weight >= 0 else max(0.0, before + said.weight)
            )
        return chance

    def _facts(self) -> Iterable[str]:
        plain, slots, original = self.plain, self.features.slots, self.features.text.original
        yield from (f"slot:{kind}" for kind in SLOTS if getattr(slots, kind))
        if len(slots.datetime) > 1:
            yield "slot:two times"
        if any(slot.grain == "asap" for slot in slots.datetime):
            yield "slot:asap"
        if "?" in plain:
            yield "asks"
        if _NEGATION.search(plain):
            yield "denies"
        if _PAST.search(plain):
            yield "past time"
        days = {found.group()[:4] for found in _DAY.finditer(plain)}
        if len(days) > 1:
            yield "days"
        if any(verb_form(token) == "past" for token in self.tokens[:60] if token.isalpha()):
            yield "past verb"
        if self.urgent_words:
            yield "urgent"
        yield from (name for name in ("positive", "angry", "price_sensitive", "chronic") if self._has(name))
        if self.features.attacked:
            yield "attacked"
        if _LINK.search(self.features.text.folded):
            yield "link"
        if _MONEY.search(plain):
            yield "money"
        letters = [char for char in original if char.isalpha()]
        if len(letters) > 14 and sum(char.isupper() for char in letters) / len(letters) > 0.8:
            yield "shouts"
        if "!" in original:
            yield "!!" if "!!" in original else "!"
        words = sum(token[0].isalpha() for token in self.tokens)
        yield f"long:{sum(words > edge for edge in (0, 1, 2, 4, 8, 16, 32))}"

    def _has(self, name: str) -> bool:
        return regex(name).search(self.plain) is not None


@lru_cache(maxsize=20_000)
def pieces(token: str) -> tuple[str, ...]:
    """Runs of 2 to LONGEST_PIECE letters of a word with its edges; a number by its length, a mark by itself."""
    if token.isdigit():
        return (f"#{min(len(token), 6)}",)
    if not token[0].isalpha():
        return (token,)
    edged = f" {token[:30]} "
    return tuple(
        edged[start : start + size] for size in range(2, LONGEST_PIECE + 1) for start in range(len(edged) - size + 1)
    )


def word_form(token: str) -> str:
    """A word by its dictionary form, a number by its length."""
    if token.isdigit():
        return f"#{min(len(token), 6)}"
    return lemma(token) if token[0].isalpha() else token


@lru_cache(maxsize=20_000)
def verb_form(word: str) -> str:
    """ "past", "impr", "INFN", "PRTS", "futr 1per" ...; "" for what is no verb."""
    tag = likeliest(word)
    if "VERB" not in tag:
        return next((kind for kind in ("INFN", "PRTS", "PRTF", "GRND") if kind in tag), "")
    for kind in ("impr", "past"):
        if kind in tag:
            return kind
    return " ".join(sorted(tag & {"pres", "futr", "1per", "2per", "3per"}))


# Rules, compiled once


def _spoken(plain: str, folded: str) -> Iterable[Spoken]:
    for intent, weight, reason, pattern, key in _rules():
        found = pattern.search(plain)
        if found:
            yield Spoken(intent, weight, f"{reason}: «{short(found.group())}»", key)
    both = f"{plain}\n{folded}"
    for weight, pattern, key in _spam_rules():
        found = pattern.search(both)
        if found:
            yield Spoken("spam", weight, f"похоже на рекламу: «{short(found.group())}»", key)


@cache
def _rules() -> list[tuple[str, float, str, re.Pattern[str], str]]:
    count: dict[str, int] = defaultdict(int)
    rules = []
    for intent, weight, reason, pattern in lexicon.load("intents")["rules"]:
        name = f"{intent}:{reason}"
        count[name] += 1
        rules.append((intent, weight, reason, compiled(pattern), f"{name} {count[name]}"))
    return rules


@cache
def _spam_rules() -> list[tuple[float, re.Pattern[str], str]]:
    rules = lexicon.load("intents")["spam"]
    return [(weight, compiled(pattern), f"spam {number}") for number, (weight, pattern) in enumerate(rules)]


@cache
def regex(name: str) -> re.Pattern[str]:
    """The named pattern, or list of patterns, of the lexicon."""
    value = lexicon.load("intents")[name]
    return compiled(value if isinstance(value, str) else "|".join(f"(?:{pattern})" for pattern in value))


def compiled(pattern: str) -> re.Pattern[str]:
    """`^` is the start of a word, `_` up to three words in between, a blank any white space or comma."""
    pattern = pattern.replace("[^", "\0").replace("^", r"(?<![а-яa-z0-9])").replace("\0", "[^")
    pattern = pattern.replace("(?:_)", "_").replace("_?", "_").replace("_", r"(?:[^\s.!?]+\s+){0,3}?")
    return re.compile(re.sub(r"(?<![\\\[]) ", r"[\\s,]+", pattern))


def short(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= 40 else f"{words[:39]}…"


@cache
def _attacks() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in lexicon.load("intents")["attacks"]), re.IGNORECASE)


def without_attacks(message: str) -> tuple[str, bool]:
    """The message with orders to the machine, scripts and SQL blanked out (lengths stay); whether there were any."""
    cleaned = _attacks().sub(lambda found: " " * len(found.group()), message)
    return cleaned, cleaned != message
