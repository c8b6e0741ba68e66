"""Which leads owe the portal a push, and what was held up."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from crm.models import Link
from leadhub.work import later
from leadhub.work.models import DueWork
from routing.models import Lead

HANDLER = "crm.push_lead"
CALM = timedelta(seconds=2)  # changes of a lead that come together are one push
STEP = timedelta(seconds=1)  # between pushes that catch up: a push is about two requests


def owe(lead_id: int, *, now: datetime) -> None:
    """A push of the lead is due soon; asked again before that, it is still one."""
    later(HANDLER, lead_id, at=now + CALM)


def catch_up(*, now: datetime) -> None:
    """The connection works: open leads without a card, and what stopped or waits, go out one after another."""
    held = set(DueWork.objects.filter(schema=connection.schema_name, handler=HANDLER).values_list("ids__0", flat=True))
    open_leads = Lead.objects.filter(status__in=[Lead.Status.OPEN, Lead.Status.NEEDS_CALL], is_test=False)
    carded = Link.objects.filter(kind=Link.Kind.LEAD).exclude(remote_id="").values("local_id")
    bare = set(open_leads.exclude(pk__in=carded).values_list("pk", flat=True))
    for place, lead_id in enumerate(sorted(held | bare)):
        later(HANDLER, lead_id, at=now + STEP * place)
