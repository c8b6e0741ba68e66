"""A phone is somebody's once a code sent to it comes back; until then it opens nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contacts import phones_proof
from contacts.models import Contact, Conversation, Identity

PHONE = "+79000000001"


@pytest.fixture
def known(salon):
    return Contact.objects.create(phone=PHONE, name="Ольга", created_at=salon.clock.now())


def wrong(code: str) -> str:
    return str((int(code) + 1) % 10 ** len(code)).zfill(len(code))


def test_right_code_joins_the_phones_contact(clock, identity, known):
    one = identity()
    code = phones_proof.new_code(one, PHONE, now=clock.now())
    assert code.isdigit()
    assert phones_proof.check_code(one, f" код: {code} ", now=clock.now())
    assert one.contact == known
    assert phones_proof.is_proven(one)
    assert Conversation.objects.get().contact == known
    assert Contact.objects.count() == 1


def test_code_is_not_kept_in_the_open(clock, identity):
    one = identity()
    code = phones_proof.new_code(one, PHONE, now=clock.now())
    one.refresh_from_db()
    assert code not in one.code_hash


def test_code_works_once(clock, identity, known):
    one = identity()
    code = phones_proof.new_code(one, PHONE, now=clock.now())
    assert phones_proof.check_code(one, code, now=clock.now())
    assert not phones_proof.check_code(one, code, now=clock.now())


def test_code_grows_old(clock, identity, known):
    one = identity()
    code = phones_proof.new_code(one, PHONE, now=clock.now())
    assert phones_proof.awaits_code(Identity.objects.get(pk=one.pk), now=clock.now() + timedelta(minutes=9, seconds=59))
    assert not phones_proof.check_code(one, code, now=clock.now() + timedelta(minutes=10))
    assert one.contact != known


def test_five_tries_and_no_more(clock, identity, known):
    one = identity()
    code = phones_proof.new_code(one, PHONE, now=clock.now())
    for _ in range(5):
        assert not phones_proof.check_code(one, wrong(code), now=clock.now())
    assert not phones_proof.check_code(one, code, now=clock.now())


def test_fifth_try_may_be_right(clock, identity, known):
    one = identity()
    code = phones_proof.new_code(one, PHONE, now=clock.now())
    for _ in range(4):
        phones_proof.check_code(one, wrong(code), now=clock.now())
    assert phones_proof.check_code(one, code, now=clock.now())


def test_three_codes_a_day(clock, identity):
    one = identity()
    assert all(phones_proof.new_code(one, PHONE, now=clock.now()) for _ in range(3))
    assert phones_proof.new_code(one, PHONE, now=clock.now()) is None
    assert phones_proof.new_code(one, PHONE, now=clock.now() + timedelta(days=1))


def test_nobodys_phone_is_flooded_by_fresh_accounts(clock, identity):
    sent = [phones_proof.new_code(identity(f"visitor-{n}"), PHONE, now=clock.now()) for n in range(8)]
    assert sum(code is not None for code in sent) == 5
    assert phones_proof.new_code(identity("visitor-9"), "+79000000002", now=clock.now())


def test_no_code_was_sent(clock, identity):
    one = identity()
    assert not phones_proof.check_code(one, "", now=clock.now())
    assert not phones_proof.check_code(one, "00000", now=clock.now())


def test_code_of_one_account_is_worthless_in_another(clock, identity, known):
    mine, theirs = identity("77"), identity("78")
    code = phones_proof.new_code(mine, PHONE, now=clock.now())
    phones_proof.new_code(theirs, PHONE, now=clock.now())
    Identity.objects.filter(pk=theirs.pk).update(code_hash=Identity.objects.get(pk=mine.pk).code_hash)
    assert not phones_proof.check_code(theirs, code, now=clock.now())


def test_free_phone_goes_to_who_said_it_yet_proves_nothing(clock, identity):
    one = identity()
    assert phones_proof.claim(one, PHONE)
    assert Contact.objects.get(phone=PHONE) == one.contact
    assert not phones_proof.is_proven(one)


def test_claim_of_a_known_phone_changes_no_contact(identity, known):
    one = identity()
    assert not phones_proof.claim(one, PHONE)
    assert one.contact != known
    one.refresh_from_db()
    assert (one.claimed_phone, one.contact.phone) == (PHONE, None)


def test_second_phone_of_a_contact_stays_a_claim(identity):
    one = identity()
    phones_proof.claim(one, PHONE)
    assert not phones_proof.claim(one, "+79000000002")
    one.contact.refresh_from_db()
    assert one.contact.phone == PHONE


def test_proven_account_that_then_claims_another_phone_is_not_proven_for_it(clock, identity, known):
    one = identity()
    phones_proof.prove(one, PHONE, now=clock.now())
    assert phones_proof.is_proven(one)
    phones_proof.claim(one, "+79000000002")
    assert not phones_proof.is_proven(one)
