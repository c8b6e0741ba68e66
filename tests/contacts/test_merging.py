"""Two contacts were one person all along: nothing of either is lost, and nothing of a third moves."""

from __future__ import annotations

from contacts import merging, phones_proof
from contacts.models import Consent, Contact
from routing.models import Lead


def consent(contact, now):
    return Consent.objects.create(contact=contact, text_version="1", text="Согласен", kind="telegram", given_at=now)


def lead(conversation, now):
    return Lead.objects.create(
        contact=conversation.contact,
        conversation=conversation,
        kind="telegram",
        created_at=now,
        last_client_at=now,
        changed_at=now,
    )


def test_merge_moves_all_rows_of_all_rooms(salon, write):
    now = salon.clock.now()
    keep = Contact.objects.create(phone="+79000000001", note="любит утро", created_at=now)
    conversation = write().conversation
    gone = conversation.contact
    gone.name, gone.note = "Ольга", "аллергия"
    gone.save()
    given, enquiry = consent(gone, now), lead(conversation, now)

    merging.merge(keep=keep, gone=gone)

    for row in (conversation, conversation.identity, given, enquiry):
        row.refresh_from_db()
        assert row.contact == keep
    keep.refresh_from_db()
    assert (keep.name, keep.phone, keep.note) == ("Ольга", "+79000000001", "любит утро\nаллергия")
    assert Contact.objects.get() == keep


def test_account_of_a_contact_with_another_phone_moves_alone(salon, write):
    now = salon.clock.now()
    first, second = write(who="77").conversation, write(who="78").conversation
    phones_proof.claim(first.identity, "+79000000002")
    mother = first.contact
    merging.move_identity(second.identity, to=mother)  # one contact, two accounts
    second.refresh_from_db()
    first_lead, second_lead = lead(first, now), lead(second, now)
    daughter = Contact.objects.create(phone="+79000000001", created_at=now)

    phones_proof.prove(second.identity, "+79000000001", now=now)

    for row in (second, second.identity, second_lead):
        row.refresh_from_db()
        assert row.contact == daughter
    for row in (first, first.identity, first_lead):
        row.refresh_from_db()
        assert row.contact == mother
