"""How a person wants to be told: what is kept, what is refused."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from tenants.business import preferences
from tenants.business.preferences import OTHER, URGENT, Preferences


def test_nothing_kept_is_the_usual_and_what_is_kept_comes_back():
    assert preferences.read({}) == Preferences(URGENT, OTHER, False)
    chosen = Preferences(("sms",), (), True)
    assert preferences.read(preferences.written(chosen)) == chosen
    assert preferences.read({"urgent": ["pigeon", "sms"]}).urgent == ("sms",)


@pytest.mark.parametrize("kept", [{}, {"urgent": []}, {"urgent": ["sms", "push"], "other": [], "off_shift": True}])
def test_good_values(kept):
    preferences.check(kept)


@pytest.mark.parametrize(
    "kept",
    [[], "sms", {"more": 1}, {"urgent": "sms"}, {"urgent": ["sms", "sms"]}, {"other": ["pigeon"]}, {"off_shift": 1}],
)
def test_wrong_values_are_refused(kept):
    with pytest.raises(ValidationError):
        preferences.check(kept)
