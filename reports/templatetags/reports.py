"""Figures in templates: `{% load reports %}{{ line.answer_seconds|duration }}`."""

from django import template

from reports import words

register = template.Library()


@register.filter
def duration(seconds: float) -> str:
    """75 -> «1 мин 15 с»."""
    return words.seconds(seconds)
