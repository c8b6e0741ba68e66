"""A phone number as it is kept: E.164."""

from __future__ import annotations

import re

_LONGEST = 15  # digits, by E.164


def normalize(text: str) -> str:
    """`8 (999) 000-00-01` -> `+79990000001`; "" for what is no phone number.

    Ten digits are Russian; a foreign number counts only with its plus."""
    told = text.strip()
    digits = re.sub(r"\D", "", told)
    if re.search(r"[^\d\s()+.\-\u2010-\u2015\xa0]", told) or not digits.isascii():
        return ""
    if len(digits) == 11 and (digits.startswith("89") or (digits[0] == "8" and not told.startswith("+"))):
        digits = "7" + digits[1:]  # no country has +89: that is the habit of the eight
    if len(digits) == 10 and digits[0] in "3489" and not told.startswith("+"):
        digits = "7" + digits
    if digits.startswith("7"):
        return f"+{digits}" if len(digits) == 11 else ""
    if told.startswith("+") and 10 <= len(digits) <= _LONGEST and digits[0] != "0":
        return f"+{digits}"
    return ""
