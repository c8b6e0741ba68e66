"""What a message holds of a person is hidden before the message leaves us, and put back into what comes.

Rather too much is hidden than too little: what the local engine found in the hidden parts is kept anyway. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from assistant import lexicon
from assistant.names import find_names, is_given_name
from assistant.phones import find_phones
from assistant.text import Text, grammar, is_known, lemmas, normalise

Span = tuple[int, int]

PHONE, CARD, NUMBER, EMAIL, LINK, ADDRESS, BIRTHDAY, NAME = (
    "ТЕЛЕФОН", "КАРТА", "НОМЕР", "ПОЧТА", "ССЫЛКА", "АДРЕС", "ДАТА", "ИМЯ",
)  # fmt: skip
SECRET_DIGITS = 7  # so many digits in a row are a phone, a card or a document, never a wish
CARD_DIGITS = range(13, 20)

_EMAILS = re.compile(
    r"[\w.+-]+\s?(?:@|\(at\)|\[at\]|\bсобака\b)\s?[\w-]+(?:\s?(?:\.|\bточка\b)\s?[\w-]+)+|[\w.+-]+@[\w.-]+"
)
_LINKS = re.compile(
    r"https?://\S+|www\.\S+|(?<![\w.])(?:t\.me|vk\.com|vk\.ru|ok\.ru|wa\.me|instagram\.com|facebook\.com)\S*"
    r"|(?<![\w.])@\w{3,}"
)
_MONTHS = r"(?:январ|феврал|март|апрел|ма[йея]|июн|июл|август|сентябр|октябр|ноябр|декабр)"
# A day that lies years back is nobody's wish: a date of birth.
_BIRTHDAYS = re.compile(
    rf"(?<!\d)\d{{1,2}}(?:[./\s-]+\d{{1,2}}[./\s-]+|\s+{_MONTHS}\w*\s+)(?:19\d\d|20[01]\d)(?!\d)"
    r"|(?<!\d)(?:19\d\d|200\d)\s*(?:г\.?\s*р|года?\s+рожд\w*)|(?<!\d)(?:19\d\d|200\d)-\d{2}-\d{2}(?!\d)"
)
_HOUSE = r"(?:\s*,?\s*(?:дом|д)?\.?\s*\d{1,4}\s?[а-я]?(?![а-я\d])(?:\s?[/-]\s?\d{1,3}[а-я]?)?)"
_FLAT = (
    r"(?:\s*,?\s*(?:квартир\w*|кв|подъезд\w*|этаж\w*|офис\w*|корпус\w*|корп|строени\w*|стр|литер\w*)"
    r"\.?\s*№?\s*\d{1,4}[а-я]?)"
)
_OPENERS = (
    r"(?:улиц\w+|ул|проспект\w*|просп|пр-т|пр-кт|пр|переул\w+|пер|бульвар\w*|б-р|бул|шоссе|площад\w+|пл|проезд\w*|набережн\w+"
    r"|наб|микрорайон\w*|мкр-н|мкр|тракт\w*|тупик\w*|алле\w+|линия)"
)
_ADDRESSES = re.compile(
    rf"(?<![а-я-]){_OPENERS}(?:\.\s*|\s+)(?:\d+(?:-?[а-я]{{1,3}})?\s+)?[а-я-]{{3,}}(?:\s+[а-я-]{{4,}}(?=\s*,?\s*(?:д\b|дом\b|\d)))?"
    rf"{_HOUSE}?{_FLAT}*"
    rf"|(?<![а-я-])[а-я-]{{4,}}\s+(?:улиц[аеу]|проспект[аеу]?|переулок|переулке|бульваре?|шоссе){_HOUSE}?{_FLAT}*"
    rf"|(?<![а-я-])(?:дом|д\.)\s*№?\s*\d{{1,4}}\s?[а-я]?(?![а-я\d])(?:\s?/\s?\d{{1,3}})?{_FLAT}*"
    rf"|(?<![а-я-])(?:квартира|квартире|кв\.?)\s*№?\s*\d{{1,4}}(?!\d|\s*м)"
)
# «живу на Ленина 5, кв 12»: no word says that it is a street; the house number after the word does.
_BARE_STREETS = re.compile(rf"(?<![а-я-])(?P<lead>(?:на|по|с|от|до)\s+)?(?P<street>[а-я]+(?:-[а-я]+)?){_HOUSE}{_FLAT}*")
_STREET_ENDS = re.compile(r"(?:ск|н)(?:ая|ой|ую|ом|ого)$")
_AFTER_BARE = re.compile(rf"\s*(?:{_MONTHS}|час|ч\b|:|утр|дн|вечер|числ|мин|руб|р\b|₽|тыс|-го|го\b|-?е\b|недел|лет\b)")
_DATES = re.compile(
    r"(?<![\d.\-/])(?:0?[1-9]|[12]\d|3[01])[./](?:0?[1-9]|1[0-2])(?:[./](?:20)?\d\d)?(?![\d\-/]|\.\d)"
    r"|(?<![\d:])\d{1,2}:\d{2}(?![\d:])|(?<!\d)20[2-9]\d-(?:0\d|1[0-2])-[0-3]\d(?!\d)"
)
_SUMS = re.compile(
    r"(?<!\d)\d{3,6}\s*(?:-|до|или|/)\s*\d{3,6}\s*(?:руб|р\b|₽|тыс|т\.?\s?р)"
    r"|(?<![\d-])\d{1,3}[05]0\s?-\s?\d{1,3}[05]0(?![\d-]|\s\d)"
)
_GAP = re.compile(r"[\s.\-()_/+,*]{0,4}")
_SHORT_PHONES = re.compile(r"(?<!\d)\d\d-\d\d-\d\d(?!\d)")
_WORD = re.compile(r"[a-z\u0400-\u04ff]+(?:-[a-z\u0400-\u04ff]+)*")  # with the letters of Tatar and Bashkir
_SURNAMES = re.compile(
    r".{2,}(?:(?:[ое]в|[иы]н)(?:а|у|ой|ым|е|ы|ых)?|(?:ск|цк)(?:ий|ая|ой|ую|ого|ому|им)|енко|чук|щук|юк|дзе|швили|ян)$"
)
_SENTENCE_BEGINS = re.compile(r"(?:^|[.!?\n…)]\s*)$")
_SPEAKS = re.compile(r"\s*(?:,|$|\n|[-—]\s|на связи|беспоко|пишет|это\b)")
_NEVER_NAMES = frozenset(["мая", "марта", "мае", "марте", "март", "май"])


@dataclass(frozen=True)
class Masked:
    """A text in which every secret is a mark like [ТЕЛЕФОН_1]; `hidden` are the marks and what stood there."""

    text: str
    hidden: tuple[tuple[str, str], ...] = ()

    def restore(self, text: str) -> str:
        """The text with the marks turned back into what they stand for."""
        for mark, secret in self.hidden:
            text = text.replace(mark, secret)
        return text


def mask(message: str, *, names: Iterable[str] = (), keep: frozenset[str] = frozenset()) -> Masked:
    """The message without phones, cards, documents, e-mails, links, addresses, dates of birth and people's names.

    `names` are those we know the client by; they are hidden in every case of the noun. `keep` are `plain_words` that
    are no names though no dictionary holds them (of the price list)."""
    text = normalise(message)
    parts: list[str] = []
    hidden: list[tuple[str, str]] = []
    counts: dict[str, int] = {}
    last = 0
    for start, end, kind in _apart(_secrets(text, names, keep), text.original):
        secret = text.original[start:end]
        known = next((mark for mark, other in hidden if other == secret), "")
        mark = known or _new_mark(kind, counts, text.original)
        if not known:
            hidden.append((mark, secret))
        parts += [text.original[last:start], mark]
        last = end
    parts.append(text.original[last:])
    return Masked("".join(parts), tuple(hidden))


def plain_words(texts: Iterable[str]) -> frozenset[str]:
    """The words of some texts as they stand in a plain message."""
    return frozenset(word for told in texts for word in _WORD.findall(normalise(told).plain))


def _new_mark(kind: str, counts: dict[str, int], original: str) -> str:
    """A mark that the client did not write."""
    while True:
        counts[kind] = counts.get(kind, 0) + 1
        mark = f"[{kind}_{counts[kind]}]"
        if mark not in original:
            return mark


def _apart(found: Iterable[tuple[Span, str]], original: str) -> list[tuple[int, int, str]]:
    """Stretches of the original in their order; where two overlap, the one that was found first keeps its own."""
    taken: list[tuple[int, int, str]] = []
    for (start, end), kind in found:
        free = [start, *(edge for left, right, _ in sorted(taken) for edge in (left, right) if start < edge < end), end]
        for left, right in pairwise(free):
            is_free = not any(begin < right and left < until for begin, until, _ in taken)
            if is_free and any(char.isalnum() for char in original[left:right]):
                taken.append((left, right, kind))
    return sorted(taken)


def _secrets(text: Text, names: Iterable[str], keep: frozenset[str]) -> Iterator[tuple[Span, str]]:
    """Everything to hide, as stretches of the original."""
    plain = text.plain
    for pattern, kind in ((_EMAILS, EMAIL), (_LINKS, LINK)):
        for match in pattern.finditer(text.original.lower()):
            if len(text.original.lower()) == len(text.original):
                yield match.span(), kind
        for match in pattern.finditer(plain):
            yield text.span(*match.span()), kind
    phones = [span for _, span in find_phones(text)]
    for span in phones:
        yield text.span(*span), PHONE
    for match in _BIRTHDAYS.finditer(plain):
        yield text.span(*match.span()), BIRTHDAY
    numbers = list(_long_numbers(plain))
    for span, kind in numbers:
        yield text.span(*span), kind
    for span in _addresses(text, [*phones, *(span for span, _ in numbers)]):
        yield span, ADDRESS
    for span in _people(text, phones, names, keep):
        yield span, NAME


# --- Numbers ----------------------------------------------------------------------------------------------------------


@cache
def _number_words() -> dict[str, int]:
    """How many digits a number word stands for when a number is dictated."""
    data = lexicon.load("spoken_numbers")
    told = dict.fromkeys(data["hundreds"].split(), 3) | dict.fromkeys(data["tens"].split(), 2)
    return told | {word: 1 if number < 10 else 2 for number, word in enumerate(data["units"].split())} | {"нуль": 1}


@cache
def _digits_or_words() -> re.Pattern[str]:
    words = "|".join(sorted(_number_words(), key=len, reverse=True))
    return re.compile(rf"\d[\dоo]*|(?<![а-я])(?:{words})(?![а-я])")


def _long_numbers(plain: str) -> Iterator[tuple[Span, str]]:
    """Runs of digits and number words, however they are parted, that are too long for a time or a price."""
    benign = [match.span() for pattern in (_DATES, _SUMS) for match in pattern.finditer(plain)]
    run: list[re.Match[str]] = []
    digits = 0
    for token in [*_digits_or_words().finditer(plain), None]:
        is_benign = token is not None and any(left <= token.start() < right for left, right in benign)
        joined = token is not None and run and _GAP.fullmatch(plain, run[-1].end(), token.start())
        if run and (token is None or is_benign or not joined):
            if digits >= SECRET_DIGITS:
                yield (run[0].start(), run[-1].end()), CARD if digits in CARD_DIGITS else NUMBER
            run, digits = [], 0
        if token is not None and not is_benign:
            run.append(token)
            digits += _number_words().get(token.group()) or len(token.group())
    for match in _SHORT_PHONES.finditer(plain):
        yield match.span(), PHONE


# --- Addresses --------------------------------------------------------------------------------------------------------


def _addresses(text: Text, numbers: Sequence[Span]) -> Iterator[Span]:
    """Streets with their houses; a number that is something else is no house."""
    plain = text.plain
    for start, end in numbers:
        plain = plain[:start] + "*" * (end - start) + plain[end:]
    for match in _ADDRESSES.finditer(plain):
        start, end = text.span(*match.span())
        if re.search(r"\d|(?<!^)[А-ЯЁA-Z]", text.original[start:end]):  # «на улице холодно» is no address
            yield start, end
    for match in _BARE_STREETS.finditer(plain):
        street = match["street"]
        start, end = text.span(match.start("street"), match.end())
        tags = grammar(street)
        if match["lead"]:
            is_street = bool({"Surn", "Geox", "Name"} & tags) or _STREET_ENDS.search(street) is not None
        else:
            is_street = bool({"Surn", "Geox"} & tags) and text.original[start].isupper()
        if is_street and street not in _NEVER_NAMES and not _AFTER_BARE.match(plain, match.end()):
            yield start, end


# --- People -----------------------------------------------------------------------------------------------------------


def _people(text: Text, phones: Sequence[Span], names: Iterable[str], keep: frozenset[str]) -> Iterator[Span]:
    """Names by how they are introduced, by the dictionary, and those that we know."""
    position = 0
    for slot in find_names(text, phones=phones):
        start = text.original.find(slot.text, position)
        if start >= 0:
            position = start + len(slot.text)
            yield start, position
    known = {form for name in names for word in _WORD.findall(normalise(name).plain) for form in lemmas(word)}
    is_after_name = False
    for match in _WORD.finditer(text.plain):
        word = match.group()
        start, end = text.span(*match.span())
        is_capital = text.original[start].isupper()
        is_strange = is_capital and not is_known(word) and word not in keep  # trade words apart, no dictionary holds it
        is_name = len(word) > 2 and (
            bool(known & {word, *lemmas(word)})
            or _is_person(word, is_capital=is_capital, goes_on=is_after_name)
            or (is_strange and (_SURNAMES.match(word) is not None or _stands_as_name(text.original, start, end)))
        )
        is_after_name = is_name
        if is_name:
            yield start, end


def _stands_as_name(original: str, start: int, end: int) -> bool:
    """Whether a strange word with a capital stands where names do: amid a sentence, or as the one who speaks first."""
    if original[start:end].isupper():
        return False
    return not _SENTENCE_BEGINS.search(original[:start]) or _SPEAKS.match(original, end) is not None


def _is_person(word: str, *, is_capital: bool, goes_on: bool) -> bool:
    """Whether a word is somebody's name, patronymic or surname. `goes_on`: it follows such a word."""
    if re.search("[a-z]", word):
        russian = normalise(word).plain
        return russian != word and (is_given_name(russian) or bool({"Surn", "Patr"} & grammar(russian)))
    if word in _NEVER_NAMES:
        return False
    tags = grammar(word)
    if "Patr" in tags:
        return True
    if is_given_name(word):
        return is_capital or goes_on or not _is_everyday(word)
    if "Surn" not in tags:
        return False
    return goes_on or (not _is_everyday(word) and (is_capital or _SURNAMES.match(word) is not None))


def _is_everyday(word: str) -> bool:
    """Whether the word has a common meaning too: "вера", "любовь", "зубов"; a village or "of Ivan" is none."""
    tags = grammar(word)
    common = {"inan", "VERB", "ADJF", "ADVB", "INFN", "PREP", "CONJ", "PRCL", "NPRO", "PRTF"}
    common -= ({"inan"} if "Geox" in tags else set()) | ({"ADJF"} if "Poss" in tags else set())
    return bool(common & tags)
