"""A phone as people type it, and as it is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.phones import normalize


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("+7 (900) 000-00-01", "+79000000001"),
        ("8 900 000 00 01", "+79000000001"),
        ("8(900)000-00-01", "+79000000001"),
        ("79000000001", "+79000000001"),
        ("9000000001", "+79000000001"),
        (" +7\xa0900\xa0000‑00‑01 ", "+79000000001"),
        ("8 3472 00 00 01", "+73472000001"),
        ("+375 29 000 00 01", "+375290000001"),
        ("+998 90 000 00 01", "+998900000001"),
        ("+8 900 000 00 01", "+79000000001"),
        ("900000001", ""),
        ("+7900000000", ""),
        ("+790000000011", ""),
        ("9000000001, звоните", ""),
        ("375290000001", ""),
        ("١٢٣٤٥٦٧٨٩٠", ""),
        ("", ""),
        ("+", ""),
    ],
)
def test_normalize(told, kept):
    assert normalize(told) == kept


@given(st.text(max_size=40))
def test_any_text_gives_a_phone_that_stays_itself_or_nothing(text):
    phone = normalize(text)
    assert phone == "" or (normalize(phone) == phone and 11 <= len(phone) <= 16)
