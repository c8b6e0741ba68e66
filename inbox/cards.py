"""The card of a lead with what rooms above routing know of it."""

from __future__ import annotations

from datetime import datetime

from crm import queries as crm_queries
from routing import cards
from routing.card_rows import CardView
from routing.models import Lead
from tenants.access import Member


def card_view(lead: Lead, member: Member, *, now: datetime) -> CardView:
    return cards.card_view(lead, member, now=now, crm=crm_queries.state_of(lead))
