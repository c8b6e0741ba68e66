"""What this room hears of people: somebody came to work, or works at other hours."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from channels_app.models import Notice
from channels_app.notices import tell_soon
from tenants.business.models import Shift, ShiftException, StaffMember


@receiver([post_save, post_delete], sender=Shift)
@receiver([post_save, post_delete], sender=ShiftException)
@receiver(post_save, sender=StaffMember)
def tell_who_came(sender: type[Model], instance: Any, **_: Any) -> None:
    """What waited for a person is looked at again."""
    staff_id = instance.pk if isinstance(instance, StaffMember) else instance.staff_id
    if Notice.objects.filter(staff=staff_id, state=Notice.State.WAITING).exists():
        tell_soon(staff_id)
