"""Two contacts turn out to be one person.

Rooms above hang their rows on a contact; they are found by Django's own list of relations, so that this room needs to
know none of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import models, transaction
from django.db.models import Q

from contacts.models import Contact, Conversation, Identity


@transaction.atomic
def move_identity(identity: Identity, *, to: Contact) -> None:
    """The account and all that was done from it go to another contact; a contact left with nothing is merged whole."""
    _lock(identity.contact_id, to.pk)
    left = Contact.objects.get(pk=identity.contact_id)
    if not left.phone and not left.identities.exclude(pk=identity.pk).exists():
        merge(keep=to, gone=left)
    else:
        for model, field in _rows_of_contacts():
            if model is Identity:
                of_identity = Q(pk=identity.pk)
            elif conversation := _field_to(model, Conversation):
                of_identity = Q(**{f"{conversation}__identity": identity})
            elif model is Conversation:
                of_identity = Q(identity=identity)
            else:
                continue  # cannot be told apart: it stays with the contact
            model._default_manager.filter(of_identity, **{field: left}).update(**{field: to})
    identity.refresh_from_db()


@transaction.atomic
def merge(*, keep: Contact, gone: Contact) -> Contact:
    """Everything of `gone` is `keep`'s from now on; blanks of `keep` are filled, nothing of it is overwritten."""
    _lock(keep.pk, gone.pk)
    keep.refresh_from_db()
    gone.refresh_from_db()
    for model, field in _rows_of_contacts():
        model._default_manager.filter(**{field: gone}).update(**{field: keep})
    phone, gone_pk = gone.phone, gone.pk
    Contact.objects.filter(pk=gone_pk).delete()
    keep.name = keep.name or gone.name
    keep.email = keep.email or gone.email
    keep.phone = keep.phone or phone
    keep.is_vip = keep.is_vip or gone.is_vip
    keep.note = "\n".join(note for note in (keep.note, gone.note) if note)
    keep.save()
    return keep


def _lock(*pks: int) -> None:
    """Both rows in one order, so that two merges at once cannot wait for each other."""
    list(Contact.objects.select_for_update().filter(pk__in=pks).order_by("pk"))


def _rows_of_contacts() -> Iterator[tuple[type[models.Model], str]]:
    for relation in Contact._meta.related_objects:
        yield relation.related_model, relation.field.name


def _field_to(model: type[models.Model], target: type[models.Model]) -> str | None:
    for field in model._meta.concrete_fields:
        if field.related_model is target:
            return field.name
    return None
