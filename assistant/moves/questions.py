"""Answers to questions: prices, promotions, address, hours, knowledge, a call back. Facts come from the desk alone."""

from __future__ import annotations

import re

from assistant import choices, cues, wants, words
from assistant.moves import booking, facts, taking
from assistant.talk import LISTED_SERVICES, Talk
from assistant.understanding import ServiceInfo

_CLAUSES = re.compile(r"[?!.;,\n]+|\s(?:и|а)\s")


def price(talk: Talk) -> None:
    """The price of what is asked about, else of what the conversation is about, else the main lines of the list."""
    memory = talk.memory
    goes_on = memory.topic == "price" and wants.follows_up(talk.text)
    asked = _for_somebody(talk) if goes_on else []
    asked = asked or _asked_services(talk, from_text=goes_on)
    if goes_on and asked and wants.with_that(talk.text):
        both = choices.combined([*memory.services, *(service.id for service in asked)], talk.desk.services())
        asked = talk.services(both)
    if asked:
        talk.once("price " + ",".join(str(service.id) for service in asked))
        talk.facts["priced"] = [service.id for service in asked]
        talk.say("price_answer", prices=talk.price_lines(asked))
        if not memory.task:
            memory.services = [service.id for service in asked] if len(asked) == 1 or goes_on else talk.named_services
            facts.take_staff(talk)
        return
    if talk.understanding.slots.service or wants.unknown_thing(talk.text, talk.known_words, without=talk.said_besides):
        booking.unknown_service(talk)
        return
    shown = list(talk.desk.services()[:LISTED_SERVICES])
    talk.once("prices")
    talk.say("price_list", prices=talk.price_lines(shown), choices=talk.service_labels(shown))
    if not memory.task:
        memory.awaiting = "price_service"
        memory.options = [service.id for service in shown]


def _for_somebody(talk: Talk) -> list[ServiceInfo]:
    """«а для сына?» after a price: the same thing as it is done for such a person."""
    guest = wants.relation(talk.text)
    if guest is None or talk.named_services:
        return []
    everything = talk.desk.services()
    return [
        choices.fitting(each, everything, is_male=guest.is_male, is_child=guest.is_child)
        for each in talk.services(talk.memory.services)
    ]


def dear(talk: Talk) -> None:
    """The price is too high for the client: what is in force to make it lower, or a person who may know more."""
    promos = talk.desk.active_promos() if "dear" not in talk.memory.answered else []
    talk.once("dear")
    if promos:
        talk.say("promos", promos=words.bulleted(promos))
    else:
        talk.say("price_dear", choices=(cues.PERSON,))


def answer_price_service(talk: Talk) -> bool:
    """An answer to «какая услуга вас интересует» after the price list: its price, and an offer to book."""
    memory = talk.memory
    options = talk.services(memory.options)
    index = choices.labelled(talk.text, [service.name[:40] for service in options])
    if index is None:
        index = choices.numbered_choice(talk.text, len(options))
    if index is not None:
        memory.services = [options[index].id]
    elif talk.understanding.intent == "booking" or not _asked_services(talk, from_text=True):
        return False
    else:
        memory.services = [service.id for service in _asked_services(talk, from_text=True)[:1]]
    memory.awaiting = ""
    chosen = talk.services(memory.services)
    talk.say("price_answer", prices=talk.price_lines(chosen))
    offer_to_book(talk)
    return True


def _asked_services(talk: Talk, *, from_text: bool = False) -> list[ServiceInfo]:
    """The lines of the price list that the message, or else the conversation, is about."""
    if talk.named_services:
        return talk.services(talk.named_services)
    if said := " ".join(slot.text for slot in talk.understanding.slots.service):
        return choices.services_called(said, talk.desk.services())[:LISTED_SERVICES]
    if from_text:
        named = choices.services_named(talk.text, talk.desk.services())[:LISTED_SERVICES]
        return choices.akin(named, talk.services(talk.memory.services)) or named
    return talk.services(talk.memory.services)


def promo(talk: Talk) -> None:
    """The promotions in force, and whether the code that the client named is one of them."""
    codes = talk.understanding.slots.promo
    found = talk.desk.find_promo(codes[0].text) if codes else None
    talk.once("promo")
    if found:
        _accept(talk, found)
        return
    if codes:
        talk.say("promo_unknown")
    promos = talk.desk.active_promos()
    if promos:
        talk.say("promos", promos=words.bulleted(promos))
    elif not codes:
        talk.say("no_promos")


def note_promo(talk: Talk) -> None:
    """A code that came beside something else: told when it is in force."""
    codes = talk.understanding.slots.promo
    found = talk.desk.find_promo(codes[0].text) if codes else None
    if found:
        _accept(talk, found)


def _accept(talk: Talk, promo_text: str) -> None:
    talk.facts["promo"] = talk.understanding.slots.promo[0].text
    talk.say("promo_accepted", promo=promo_text)


def offer_to_book(talk: Talk) -> None:
    talk.memory.awaiting = "offer_booking"
    talk.say("offer_booking", choices=(cues.BOOK,))


def answer_offer(talk: Talk) -> bool:
    """An answer to «записать вас?»."""
    if cues.says_yes(talk.text):
        booking.start(talk)
        return True
    if cues.says_no(talk.text) or cues.gives_up(talk.text):
        taking.decline(talk)
        return True
    return False


def information(talk: Talk, *, alone: bool) -> None:
    """Address, hours or an entry of the knowledge base; nothing found: a person, never a guess.

    `alone`: the question is all the message asks for, so that a person takes the conversation from here."""
    answered = False
    if cues.asks_address(talk.text):
        talk.once("address")
        talk.say("address", address=talk.desk.branch_address())
        answered = True
    if wants.asks_if_open(talk.text):
        _tell_if_open(talk)
        answered = True
    elif cues.asks_hours(talk.text):
        talk.once("hours")
        talk.say("hours", hours=talk.desk.opening_hours_text())
        answered = True
    if answered or knowledge(talk, in_parts=not alone):
        return
    goes_on = talk.memory.topic == "available" and wants.follows_up(talk.text)
    named = _asked_services(talk) if talk.understanding.slots.service else []
    is_priced = any(say.key == "price_answer" for say in talk.says)  # so it is there: something else is asked
    if named and not is_priced and (cues.asks_if_available(talk.text) or goes_on):
        talk.once("available " + ",".join(str(service.id) for service in named))
        talk.say("service_available", prices=talk.price_lines(named))
        talk.memory.services = talk.memory.services or [service.id for service in named[:1]]
        return
    if talk.understanding.slots.service and not named and (cues.asks_if_available(talk.text) or goes_on):
        booking.unknown_service(talk)
        return
    if talk.memory.handed:
        talk.not_understood()
    else:
        talk.hand_over("нет ответа на вопрос", key=None if alone else "question_passed")


def _tell_if_open(talk: Talk) -> None:
    """«в субботу работаете?»: that day's own hours, holidays known."""
    slot, hours = wants.day_spoken(talk.text, talk.now), talk.desk.opening_hours_text()
    talk.once("hours")
    if slot is None:
        talk.say("hours", hours=hours)
        return
    when = words.day(slot.start.date(), talk.now.date())
    if open_ := talk.desk.hours_on(slot.start.date()):
        talk.say("open_then", when=words.closed(when), open=open_, hours=hours)
    else:
        talk.say("closed_then", when=words.capital(words.closed(when)), hours=hours)


def knowledge(talk: Talk, *, in_parts: bool = False) -> bool:
    """Quote what the business says to this; False when nothing fits well enough. `in_parts`: the message asks for other
    things too, so each of its clauses may be the question."""
    asked = [talk.text, *(_CLAUSES.split(talk.text) if in_parts else [])]
    found = next(filter(None, (talk.desk.find_knowledge(part) for part in asked if part and part.strip())), None)
    if not found:
        return False
    talk.facts["knowledge_id"] = found.id
    talk.facts["knowledge_source"] = found.source
    talk.once(f"knowledge {found.source} {found.id}")
    talk.say("knowledge", answer=found.text)
    return True


def callback(talk: Talk) -> None:
    """A call is asked for: note when, and ask for the number when it is not known."""
    memory = talk.memory
    facts.take_contact(talk)
    if talk.slot and not talk.slot.alternatives and talk.slot.grain != "asap":
        memory.call_at = talk.aware(talk.slot.start)
    phone = memory.phone or talk.desk.client.phone
    if not phone:
        memory.awaiting = "callback_phone"
        talk.say("callback_ask_phone")
        return
    talk.desk.request_call(reason="просит клиент", at=memory.call_at)
    talk.facts["call_requested"] = True
    talk.once("callback")
    spoken = words.phone(phone)
    if memory.call_at and talk.desk.is_open_at(memory.call_at):
        talk.say("callback_requested_at", phone=spoken, when=talk.moment(memory.call_at))
    elif talk.desk.is_open_at(talk.desk.now) and not memory.call_at:
        talk.say("callback_requested", phone=spoken)
    else:
        talk.say("callback_requested_night", phone=spoken, hours=talk.desk.opening_hours_text())
    memory.call_at = None
    if memory.awaiting == "callback_phone":
        memory.awaiting = ""


def answer_callback_phone(talk: Talk) -> bool:
    if talk.understanding.slots.phone:
        callback(talk)
        return True
    if cues.says_no(talk.text):
        talk.memory.awaiting = ""
        talk.hand_over("нет телефона для звонка")
        return True
    if len([sign for sign in talk.text if sign.isdigit()]) >= 6:
        talk.not_understood("phone_wrong")
        return True
    return False
