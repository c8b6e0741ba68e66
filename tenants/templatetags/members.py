"""What a template may ask of its reader: `{% load members %}{% if member|may:"reports" %}`."""

from django import template

from tenants.access import Member

register = template.Library()


@register.filter
def may(member: Member | None, ability: str) -> bool:
    """Whether the reader's role has the ability; nobody has none."""
    return member is not None and member.may(ability)
