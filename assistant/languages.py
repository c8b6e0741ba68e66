"""In which language a client writes, told by its letters and words alone; "" where they do not tell surely. Pure."""

from __future__ import annotations

import re

TITLES = {"ru": "русский", "tt": "татарский", "ba": "башкирский", "kk": "казахский", "en": "английский"}

_WORD = re.compile(r"[^\W\d_]+")
_TURKIC = re.compile(r"[әөүңһҗғҙҫҡқұ]")
_RUSSIAN = re.compile(r"[а-яё]")
_LATIN = re.compile(r"[a-z]+")
_OWN = {"ba": re.compile(r"[ҙҫҡ]"), "kk": re.compile(r"[құ]"), "tt": re.compile(r"җ")}
# Words of Tatar in the letters that the three share.
_TATAR_WORDS = """
исәнмесез сәлам сәламнәр рәхмәт өчен кирәк күпме бәясе хәерле көн язылырга теләр килергә иртәгә бүген
"""
_ENGLISH_WORDS = """
hi hello hey good morning evening i you we my me the a an is are do does can could would like want need book how much
what when where price cost appointment haircut please thanks thank tomorrow today for to at in on of and it
"""
_TATAR, _ENGLISH = frozenset(_TATAR_WORDS.split()), frozenset(_ENGLISH_WORDS.split())


def language_of(text: str) -> str:
    """Key of TITLES, or "": too little was said, or it is another language. A name or a word of another language in a
    Russian message does not make it one of that language."""
    words = [word.lower() for word in _WORD.findall(text)]
    turkic = [word for word in words if _TURKIC.search(word)]
    if len(turkic) >= 2 and 2 * len(turkic) >= len(words) or (turkic and len(words) == 1):
        return _turkic("".join(turkic), turkic)
    latin = [word for word in words if _LATIN.fullmatch(word)]
    if len(latin) >= 2 and len(latin) * 4 >= len(words) * 3:
        known = sum(word in _ENGLISH for word in latin)
        return "en" if known >= 2 and 3 * known >= len(latin) else ""
    cyrillic = sum(1 for word in words if _RUSSIAN.search(word) and not _TURKIC.search(word))
    return "ru" if cyrillic and 2 * cyrillic > len(words) else ""


def _turkic(letters: str, words: list[str]) -> str:
    told = [key for key, own in _OWN.items() if own.search(letters)]
    if len(told) == 1:
        return told[0]
    return "tt" if not told and "ғ" not in letters and any(word in _TATAR for word in words) else ""
