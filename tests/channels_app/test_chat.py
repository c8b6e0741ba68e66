"""What a visitor of a site reads: their own conversation, and of our words only those that were let out."""

from __future__ import annotations

import pytest

from channels_app import live, outbound
from channels_app.adapters.webchat import visitor_id
from contacts.models import Conversation, Message

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def chat(door):
    class Chat:
        def writes(self, text, key="k1", token=TOKEN):
            body = {"visitor": token, "client_key": key, "text": text}
            assert door.post("webchat", body).status_code == 200
            return door.take_in()[-1]

        def reads(self, after="", token=TOKEN, **headers):
            headers = {"Authorization": f"Bearer {token}", **headers}
            return door.browser.get(f"/hooks/webchat/vesna-webchat/messages?after={after}", headers=headers)

        def answers(self, text, key="a1", **more):
            now = door.business.clock.now()
            return outbound.queue(Conversation.objects.get(), text, key=key, by_assistant=True, now=now, **more)

        def deliver(self, delivery):
            outbound.deliver(delivery.pk, now=door.business.clock.now())

    return Chat()


def test_history_survives_a_reload(chat, clock):
    mine = chat.writes("Можно завтра?")
    answer = chat.answers("Есть 15:00", choices=["завтра, 15:00"])
    chat.deliver(answer)
    told = chat.reads().json()
    at = clock.now().isoformat()
    assert told["messages"] == [
        {"id": mine.pk, "author": "client", "text": "Можно завтра?", "at": at, "choices": []},
        {"id": answer.message_id, "author": "assistant", "text": "Есть 15:00", "at": at, "choices": ["завтра, 15:00"]},
    ]
    assert [message["id"] for message in chat.reads(after=mine.pk).json()["messages"]] == [answer.message_id]


def test_no_word_before_it_is_let_out_and_none_that_was_cancelled(chat):
    chat.writes("Можно завтра?")
    answer = chat.answers("Есть 15:00")
    assert len(chat.reads().json()["messages"]) == 1
    outbound.cancel(answer, "Разговор ведёт сотрудник.", now=answer.created_at)
    assert len(chat.reads().json()["messages"]) == 1


def test_notes_of_staff_are_theirs_alone(chat, salon, clock):
    chat.writes("Можно завтра?")
    for author in ("note", "system"):
        Message.objects.create(
            conversation=Conversation.objects.get(),
            author=author,
            text="клиентка капризная",
            sent_at=clock.now(),
            received_at=clock.now(),
        )
    assert "капризная" not in chat.reads().content.decode()


def test_typing_until_there_is_an_answer(chat, salon):
    chat.writes("Можно завтра?")
    assert chat.reads().json()["typing"] is True
    Conversation.objects.update(held_by=salon.anna)
    assert chat.reads().json()["typing"] is False
    Conversation.objects.update(held_by=None, pending_since=None)
    assert chat.reads().json()["typing"] is False


def test_another_visitor_reads_nothing(chat):
    chat.writes("Мой телефон +7 900 000-00-01")
    assert chat.reads(token="f" * 32).json()["messages"] == []


def test_token_is_kept_nowhere(chat):
    chat.writes("Здравствуйте")
    assert Conversation.objects.get().identity.external_id == visitor_id(TOKEN) != TOKEN


@pytest.mark.parametrize("token", ["", "short", "x" * 500])
def test_without_a_token_401(chat, token):
    assert chat.reads(token=token).status_code == 401


@pytest.mark.parametrize("after", ["-1", "abc", "1;drop", "9" * 30, "١"])
def test_odd_place_is_400(chat, after):
    assert chat.reads(after=after).status_code == 400


def test_ticket_opens_this_visitors_stream_alone(chat, settings):
    settings.EVENTS_URL = "https://events.example"
    url = chat.reads().json()["events"]
    address, _, ticket = url.partition("?ticket=")
    assert address == "https://events.example/t/vesna/events/chat/"
    assert live.read_chat_ticket(ticket) == ("t_vesna", visitor_id(TOKEN))
    assert live.read_chat_ticket(ticket[:-1] + "x") is None
    assert live.read_chat_ticket("") is None


def test_neighbours_key_opens_nothing(chat, door):
    chat.writes("Здравствуйте")
    answer = door.browser.get("/hooks/webchat/sosed-webchat/messages", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.json()["messages"] == []


def test_sites_script_may_read_the_answer(chat):
    answer = chat.reads(Origin="https://salon.example")
    assert answer["Access-Control-Allow-Origin"] == "https://salon.example"
    assert answer["Cache-Control"] == "no-store"


def test_own_words_are_told_live(chat, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr("channels_app.live._send", sent.extend)
    with django_capture_on_commit_callbacks(execute=True):
        message = chat.writes("Здравствуйте")
    visitor = visitor_id(TOKEN)
    assert f'{{"schema": "t_vesna", "kind": "chat", "id": {message.pk}, "visitor": "{visitor}"}}' in sent
