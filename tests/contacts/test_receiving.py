"""Who wrote, in which conversation, and each message once."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

from django.db import connections
from django_tenants.utils import tenant_context

from channels_app.models import ChannelAccount
from contacts.incoming import Incoming
from contacts.models import Contact, Conversation, Identity, Message
from contacts.receiving import receive


def test_first_message_makes_one_of_each(salon, write):
    message = write("telegram", "77", "Можно завтра?", display_name="Ирина")
    conversation = message.conversation
    now = salon.clock.now()
    assert (message.author, message.text, message.is_processed) == ("client", "Можно завтра?", False)
    assert (message.sent_at, message.received_at, message.event_id) == (now, now, 1)
    assert (conversation.pending_since, conversation.last_client_at, conversation.last_message_at) == (now, now, now)
    assert conversation.branch == salon.branch
    assert conversation.identity.display_name == "Ирина"
    assert conversation.contact.name == ""  # what a messenger shows is no name to call somebody by
    assert Contact.objects.count() == Identity.objects.count() == Conversation.objects.count() == 1


def test_next_message_waits_since_the_first(salon, write):
    first = write(text="раз")
    salon.clock._now += timedelta(seconds=1)
    second = write(text="два")
    assert second.conversation_id == first.conversation_id
    conversation = Conversation.objects.get()
    assert conversation.pending_since == first.received_at
    assert conversation.last_client_at == second.received_at


def test_same_message_twice_is_one(write):
    assert write(number=5)
    assert write(number=5) is None
    assert Message.objects.count() == 1


def test_two_bots_of_one_business_count_their_messages_each(salon, write):
    second_bot = ChannelAccount.objects.create(kind="telegram", name="Второй бот", branch=salon.branch)
    write(number=5, text="в первого")
    message = write(number=5, text="во второго", account=second_bot)
    assert message is not None
    assert Conversation.objects.get().account_id == second_bot.pk  # the answer goes where the client wrote last


def test_message_from_the_future_is_from_now(salon, write):
    now = salon.clock.now()
    assert write(sent_at=now + timedelta(hours=3)).sent_at == now
    assert write(sent_at=now - timedelta(hours=3)).sent_at == now - timedelta(hours=3)


def test_nothing_to_answer(write):
    assert write(text="  \x00 ") is None
    assert write(happened="ignored", text="правка") is None
    assert not Contact.objects.exists()


def test_origin_is_kept_for_the_lead(write, clock):
    write(utm={"utm_source": "vk"}, promo="ВЕСНА", page="https://vesna.example/")
    write(text="и ещё")
    origin = Conversation.objects.get().state["origin"]
    told = {"utm": {"utm_source": "vk"}, "promo": "ВЕСНА", "page": "https://vesna.example/"}
    assert origin == {**told, "at": clock.now().isoformat()}


def test_who_blocked_the_bot_cannot_be_written_to_until_they_write_again(write, identity):
    one = identity("77")
    write(happened="blocked", who="77")
    one.refresh_from_db()
    assert one.is_unreachable
    write(happened="unblocked", who="77")
    one.refresh_from_db()
    assert not one.is_unreachable
    write(happened="blocked", who="77")
    write(who="77", text="я снова тут")
    one.refresh_from_db()
    assert not one.is_unreachable


def test_blocking_by_a_stranger_makes_nobody(write):
    write(happened="blocked", who="404")
    assert not Identity.objects.exists()


def test_form_is_known_by_its_phone(write):
    first = write("form", "+79000000001", "Окрашивание", phone="+79000000001", name="Ольга", email="o@example.com")
    second = write("form", "+79000000001", "Маникюр", phone="+79000000001", name="Злой Шутник")
    assert first.conversation == second.conversation
    contact = Contact.objects.get()
    assert (contact.phone, contact.name, contact.email) == ("+79000000001", "Ольга", "o@example.com")


def test_form_with_the_phone_of_a_known_client_is_theirs_but_proves_nothing(salon, write):
    known = Contact.objects.create(phone="+79000000001", name="Ольга", created_at=salon.clock.now())
    message = write("form", "+79000000001", "Когда я записана?", phone="+79000000001")
    assert message.conversation.contact == known
    assert message.conversation.identity.phone_proven_at is None


def test_form_without_phone_and_mail_is_still_seen(write):
    first, second = write("form", "", "Перезвоните"), write("form", "", "Перезвоните")
    assert first.conversation != second.conversation


def test_phone_said_in_a_chat_is_a_claim(salon, write):
    known = Contact.objects.create(phone="+79000000001", created_at=salon.clock.now())
    conversation = write("webchat", "visitor", phone="+79000000001").conversation
    assert conversation.contact != known
    assert conversation.contact.phone is None
    assert Identity.objects.get(external_id="visitor").claimed_phone == "+79000000001"


def test_own_contact_card_joins_what_is_known_under_the_phone(salon, write):
    known = Contact.objects.create(phone="+79000000001", name="Ольга", created_at=salon.clock.now())
    write(text="Здравствуйте")
    message = write(text="+79000000001", phone="+79000000001", phone_is_proven=True)
    assert message.conversation.contact == known
    assert Contact.objects.get() == known
    assert Conversation.objects.get().contact == known


def test_neighbour_sees_nothing(write, neighbour):
    write()
    with neighbour.inside():
        assert not Contact.objects.exists()
        assert not Message.objects.exists()


def _at_once(salon, jobs):
    """Run the jobs on threads of their own, from one moment; what they gave."""
    start, results, errors = Barrier(len(jobs)), [], []

    def run(job):
        try:
            with tenant_context(salon.tenant):
                start.wait(timeout=20)
                results.append(job())
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            errors.append(error)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    return results


def test_first_messages_of_one_client_at_once_make_one_conversation(committed_salon):
    salon = committed_salon
    account, now = ChannelAccount.objects.get(kind="telegram"), salon.clock.now()

    def message(number):
        incoming = Incoming("message", external_user_id="77", external_message_id=str(number), text=f"слово {number}")
        return lambda: receive(account, incoming, event_id=number, now=now)

    for _ in range(5):
        Contact.objects.all().delete()
        # Eight different messages and, at the same moment, a replay of each.
        results = _at_once(salon, [message(number) for number in range(1, 9) for _ in range(2)])
        assert sum(result is not None for result in results) == 8
        assert Contact.objects.count() == Identity.objects.count() == Conversation.objects.count() == 1
        assert Message.objects.count() == 8


def test_forms_of_one_phone_at_once_make_one_contact(committed_salon):
    salon = committed_salon
    account, now = ChannelAccount.objects.get(kind="form"), salon.clock.now()

    def form(number):
        incoming = Incoming(kind="message", external_user_id="+79000000001", text="Запишите", phone="+79000000001")
        return lambda: receive(account, incoming, event_id=number, now=now)

    for round_number in range(5):
        Contact.objects.all().delete()
        results = _at_once(salon, [form(round_number * 10 + number) for number in range(6)])
        assert len(results) == 6
        assert None not in results
        assert Contact.objects.count() == Conversation.objects.count() == 1
