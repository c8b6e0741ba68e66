"""A lead in the portal: its card, its contact, its deal, its task, once each."""

from datetime import timedelta

import pytest

from booking import actions
from crm import queries
from crm.checking import check
from crm.connection import parse_webhook
from crm.models import Connection, Link
from routing import calls
from routing.models import Lead
from tests.crm.conftest import PHONE, connect


def test_a_lead_gets_its_card_with_everything_that_is_known(crm, clock):
    check(crm.connection, now=clock.now())
    Link.objects.update_or_create(kind="user", local_id=crm.business.anna.pk, defaults={"remote_id": "2"})
    lead = crm.pushed()
    card, contact = crm.the("lead"), crm.the("contact")
    assert card["title"] == "Окрашивание, Ирина, Telegram"
    assert card["ufCrmLeadhubScore"] == 78
    assert card["ufCrmLeadhubTemperature"] == "горячая"
    assert card["ufCrmLeadhubIntent"] == "запись"
    assert card["ufCrmLeadhubTags"] == "tg, волосы, hot, promo-2025"
    assert (card["utmSource"], card["utmMedium"], card["utmCampaign"]) == ("yandex", "cpc", "vesna")
    assert card["assignedById"] == 2
    assert (card["sourceId"], card["sourceDescription"]) == ("OTHER", "Telegram: yandex / cpc / vesna")
    assert (card["originatorId"], card["originId"]) == ("leadhub", f"vesna-lead-{lead.pk}")
    assert card["contactId"] == contact["id"]
    for line in ("Хочет: Окрашивание, завтра после 15", "Филиал: Весна на Ленина", "Срочно: да", "Промокод: 2025"):
        assert line in card["comments"]
    assert f"/t/vesna/inbox/{lead.pk}/" in card["comments"]
    assert "Балл" not in card["comments"]
    assert contact["name"] == "Ирина"
    assert [(value["typeId"], value["value"]) for value in contact["fm"]] == [("PHONE", PHONE)]
    state = queries.state_of(lead)
    assert (state.state, state.title) == ("synced", f"Лид № {card['id']}")
    assert state.url == f"https://{crm.connection.domain}/crm/lead/details/{card['id']}/"


def test_pushed_twice_the_portal_holds_one_card_with_the_same_content_and_hears_nothing(crm, clock):
    lead = crm.pushed()
    before, since = crm.sandbox.entities(), crm.last_call
    crm.tell(lead)
    clock.tick(seconds=3)
    after = crm.sandbox.entities()
    assert crm.calls(since) == []
    assert {kind: after[kind] for kind in ("lead", "contact")} == {kind: before[kind] for kind in ("lead", "contact")}


def test_many_changes_are_one_push(crm, clock):
    lead = crm.lead()
    for score in (50, 60, 70):
        crm.tell(lead, score=score)
    clock.tick(seconds=3)
    assert len([call for call in crm.calls() if "item.add" in str(call["body"])]) == 1


def test_what_people_edit_in_the_portal_stays_theirs(crm, clock):
    lead = crm.pushed()
    number = crm.the("lead")["id"]
    crm.act("crm.item.update", entityTypeId=1, id=number, fields={"title": "Моё имя", "stageId": "PROCESSED"})
    crm.tell(lead, summary="Окрашивание, в пятницу")
    clock.tick(seconds=3)
    card = crm.the("lead")
    assert (card["title"], card["stageId"]) == ("Моё имя", "PROCESSED")
    assert "в пятницу" in card["comments"]


def test_without_an_administrators_webhook_the_score_stands_in_the_comment(crm, clock):
    Connection.objects.filter(pk=crm.connection.pk).update(webhook_token="2/sandbox")
    findings = check(crm.fresh(), now=clock.now())
    assert any("не администратором" in finding for finding in findings)
    crm.pushed()
    card = crm.the("lead")
    assert "Балл: 78 (горячая)" in card["comments"]
    assert "Намерение: запись" in card["comments"]
    assert "Метки: tg, волосы, hot, promo-2025" in card["comments"]
    assert not [name for name in card if name.startswith("ufCrm")]


def test_checking_makes_the_fields_once_and_matches_people(crm, clock):
    users = crm.sandbox.get("bitrix24/portal")["users"]
    users[1]["EMAIL"] = "anna@vesna.test"
    crm.set(users=users)
    first = check(crm.connection, now=clock.now())
    assert first[0] == "Подключено: портал с лидами."
    assert "Созданы поля карточки: балл, температура, намерение, метки." in first
    assert Link.objects.get(kind="user", local_id=crm.business.anna.pk).remote_id == users[1]["ID"]
    second = check(crm.connection, now=clock.now())
    assert not [finding for finding in second if "Созданы поля" in finding]
    assert any("Не найдены в портале" in finding and "Светлана" in finding for finding in second)


def test_a_contact_that_the_portal_knows_by_phone_is_taken_as_it_is(crm):
    fm = [{"typeId": "PHONE", "valueType": "WORK", "value": "8 901 000-07-77"}]
    known = crm.act("crm.item.add", entityTypeId=3, fields={"name": "Ирина Петровна", "fm": fm})["item"]
    crm.pushed()
    contact = crm.the("contact")
    assert (contact["name"], len(contact["fm"])) == ("Ирина Петровна", 1)
    assert crm.the("lead")["contactId"] == known["id"]


def test_a_phone_told_later_comes_to_the_contact_once(crm, clock):
    lead = crm.pushed(phone=None)
    assert crm.the("contact")["fm"] == []
    lead.contact.phone = PHONE
    lead.contact.save()
    for email in ("", "irina@example.ru"):
        lead.contact.email = email
        lead.contact.save()
        crm.tell(lead)
        clock.tick(seconds=3)
    assert [value["value"] for value in crm.the("contact")["fm"]] == [PHONE, "irina@example.ru"]


def test_a_claimed_phone_is_told_in_words_and_matches_nobody(crm):
    fm = [{"typeId": "PHONE", "valueType": "WORK", "value": PHONE}]
    crm.act("crm.item.add", entityTypeId=3, fields={"name": "Другой человек", "fm": fm})
    lead = crm.lead(phone=None)
    lead.conversation.identity.claimed_phone = PHONE
    lead.conversation.identity.save()
    crm.business.clock.tick(seconds=3)
    assert len(crm.has("contact")) == 2
    assert f"Телефон со слов клиента: {PHONE}" in crm.the("lead")["comments"]


def test_quarantine_and_test_leads_are_not_told(crm, clock):
    crm.pushed(status="quarantine")
    lead = crm.pushed(is_test=True, phone=None)
    assert crm.calls() == []
    assert queries.state_of(lead).state == "off"


def test_a_lead_released_from_quarantine_is_told(crm, clock):
    lead = crm.pushed(status="quarantine")
    crm.tell(lead, "released", status="open")
    clock.tick(seconds=3)
    assert len(crm.has("lead")) == 1


def test_without_a_connection_nothing_is_owed(crm, clock):
    crm.connection.is_active = False
    crm.connection.save()
    lead = crm.lead()
    assert crm.owed(lead) is None
    assert queries.state_of(lead).state == "off"


def test_a_connection_that_begins_to_work_gets_the_open_leads(crm, clock):
    crm.connection.is_active = False
    crm.connection.save()
    crm.pushed()
    crm.connection.is_active = True
    crm.connection.save()
    check(crm.connection, now=clock.now())
    clock.tick(seconds=5)
    assert len(crm.has("lead")) == 1


# --- Deals -----------------------------------------------------------------------------------------------------------


def test_booked_makes_a_deal_with_amount_day_and_contact(crm, clock):
    lead = crm.pushed()
    visit = crm.book(lead)
    crm.tell(lead, "booked", status="booked", outcome_at=clock.now())
    clock.tick(seconds=3)
    deal, card = crm.the("deal"), crm.the("lead")
    local = visit.starts_at.astimezone(crm.business.branch.zone)
    assert deal["title"] == f"Окрашивание, {local:%d.%m.%Y %H:%M}"
    assert (deal["opportunity"], deal["currencyId"], deal["stageId"]) == (3500, "RUB", "NEW")
    assert deal["begindate"].startswith(f"{local:%Y-%m-%d}")
    assert (deal["contactId"], deal["leadId"]) == (crm.the("contact")["id"], card["id"])
    assert deal["utmCampaign"] == "vesna"
    assert card["stageId"] == "PROCESSED"
    comment = crm.the("comment")
    assert comment["COMMENT"].startswith("Leadhub: исход заявки: записан.")
    assert (comment["ENTITY_TYPE"], comment["ENTITY_ID"]) == ("lead", card["id"])


def test_a_moved_visit_moves_its_deal_and_a_cancelled_one_loses_it(crm, clock):
    lead = crm.pushed()
    visit = crm.book(lead)
    clock.tick(seconds=3)
    moved = actions.move(visit, crm.business.olga.pk, visit.starts_at + timedelta(days=2), now=clock.now())
    clock.tick(seconds=3)
    deal = crm.the("deal")
    assert f"{moved.starts_at.astimezone(crm.business.branch.zone):%d.%m.%Y}" in deal["title"]
    actions.cancel(moved, reason="передумала", now=clock.now())
    clock.tick(seconds=3)
    assert crm.the("deal")["stageId"] == "LOSE"


def test_a_hold_is_no_deal(crm, clock):
    lead = crm.pushed()
    start = (clock.now() + timedelta(days=1)).replace(hour=7, minute=0, second=0, microsecond=0)
    service = crm.business.service("Окрашивание")
    branch, olga = crm.business.branch, crm.business.olga
    actions.hold(
        lead.contact, lead.conversation, [service.pk], olga.pk, branch.pk, start, now=clock.now(), lead_id=lead.pk
    )
    crm.tell(lead)
    clock.tick(seconds=3)
    assert crm.has("deal") == []


# --- Tasks -----------------------------------------------------------------------------------------------------------


def test_a_call_that_is_due_is_a_task_at_the_card_and_closes_with_it(crm, clock):
    lead = crm.pushed()
    task = calls.needs_call(lead, why="заявку никто не взял", now=clock.now())
    clock.tick(seconds=3)
    told = crm.the("task")
    assert told["title"] == f"Перезвонить: заявку никто не взял (№ {lead.pk}-{task.pk})"
    assert told["ufCrmTask"] == [f"L_{crm.the('lead')['id']}"]
    assert told["responsibleId"] == "1"
    assert told["status"] == "2"
    assert told["deadline"] == task.due_at.astimezone(crm.business.branch.zone).isoformat(timespec="seconds")
    calls.finish_task(task, by=crm.business.anna, now=clock.now())
    clock.tick(seconds=3)
    assert crm.the("task")["status"] == "5"


def test_a_task_for_nobody_does_not_hold_back_the_card(crm, clock):
    Link.objects.create(kind="user", local_id=crm.business.anna.pk, remote_id="99")
    lead = crm.lead()
    calls.needs_call(lead, why="клиент просил", now=clock.now())
    clock.tick(seconds=3)
    assert len(crm.has("lead")) == 1
    assert crm.has("task") == []
    state = queries.state_of(lead)
    assert (state.state, state.error) == ("failed", "Битрикс24 не принял: Не указан исполнитель задачи")


# --- Other portals ---------------------------------------------------------------------------------------------------


def test_a_portal_without_leads_gets_contact_and_deal(crm, clock):
    crm.set(mode=2)
    check(crm.connection, now=clock.now())
    lead = crm.pushed()
    calls.needs_call(lead, why="клиент просил", now=clock.now())
    clock.tick(seconds=3)
    crm.book(lead)
    clock.tick(seconds=3)
    deal = crm.the("deal")
    assert crm.has("lead") == []
    assert deal["ufCrmLeadhubScore"] == 78
    assert (deal["opportunity"], deal["contactId"]) == (3500, crm.the("contact")["id"])
    assert deal["originId"] == f"vesna-lead-{lead.pk}"
    assert crm.the("task")["ufCrmTask"] == [f"D_{deal['id']}"]
    assert queries.state_of(lead).url.endswith(f"/crm/deal/details/{deal['id']}/")


def test_leads_switched_off_meanwhile_are_noticed(crm, clock):
    crm.pushed()
    crm.set(mode=2)
    crm.pushed(phone="+79010000778")
    assert len(crm.has("deal")) == 1
    assert crm.fresh().broken_reason == ""


@pytest.mark.parametrize(
    ("directory", "source"),
    [
        ({"WEB": "Веб-сайт", "TG7": "Наш Telegram", "OTHER": "Другое"}, "TG7"),
        ({"WEB": "Веб-сайт", "OTHER": "Другое"}, "OTHER"),
        ({"CALL": "Звонок"}, ""),
    ],
)
def test_an_unknown_source_is_told_in_words(crm, directory, source):
    whole = crm.sandbox.get("bitrix24/portal")["directory"]
    crm.set(directory=whole | {"SOURCE": directory})
    crm.pushed(utm_source="", utm_medium="", utm_campaign="")
    card = crm.the("lead")
    assert (card["sourceId"] or "", card["sourceDescription"]) == (source, "Telegram")


def test_the_neighbours_portal_gets_nothing(crm, neighbour, clock):
    with neighbour.inside():
        theirs = connect(crm.sandbox, neighbour, "sosed")
    crm.pushed()
    assert len(crm.has("lead")) == 1
    assert not any(theirs.has(kind) for kind in ("lead", "contact", "deal", "task"))
    with neighbour.inside():
        assert Link.objects.count() == 0


def test_a_card_deleted_in_the_portal_stays_deleted_until_asked_for(crm, clock):
    lead = crm.pushed()
    crm.act("crm.item.delete", entityTypeId=1, id=crm.the("lead")["id"])
    crm.tell(lead, score=80)
    clock.tick(seconds=3)
    state = queries.state_of(lead)
    assert (state.state, state.error) == ("failed", "Карточка удалена в Битрикс24")
    assert crm.has("lead") == []
    queries.retry(lead, now=clock.now())
    clock.settle()
    assert crm.the("lead")["originId"] == f"vesna-lead-{lead.pk}"
    assert queries.state_of(lead).state == "synced"


def test_a_contact_merged_in_the_portal_is_bound_anew(crm, clock):
    lead = crm.pushed()
    crm.act("crm.item.delete", entityTypeId=3, id=crm.the("contact")["id"])
    fm = [{"typeId": "PHONE", "valueType": "WORK", "value": PHONE}]
    other = crm.act("crm.item.add", entityTypeId=3, fields={"name": "Ирина", "fm": fm})["item"]
    lead.contact.name = "Ирина Иванова"
    lead.contact.save()
    crm.tell(lead, score=80)
    clock.tick(seconds=10)
    assert crm.the("contact")["id"] == other["id"]
    assert crm.the("lead")["contactId"] == other["id"]


def test_words_of_a_client_are_no_markup_and_no_reference(crm):
    crm.pushed(summary="[url=http://evil]сюда[/url] <b>$result[contact][item][id]</b>")
    assert "Хочет: (url=http://evil)сюда(/url) ‹b›result(contact)(item)(id)‹/b›" in crm.the("lead")["comments"]


def test_the_address_of_a_webhook_is_read_as_the_portal_shows_it():
    assert parse_webhook(" https://salon.bitrix24.ru/rest/1/abcdef/ ") == ("salon.bitrix24.ru", "1/abcdef")
    for wrong in ("http://salon.bitrix24.ru/rest/1/a/", "salon.bitrix24.ru", "https://salon.bitrix24.ru/crm/"):
        with pytest.raises(ValueError, match="Адрес вебхука"):
            parse_webhook(wrong)


def test_a_lead_that_went_away_is_no_error(crm, clock):
    lead = crm.lead()
    Lead.objects.filter(pk=lead.pk).delete()
    clock.tick(seconds=3)
    assert crm.owed(lead) is None


def test_a_conversation_that_ends_in_a_booking_stands_in_the_portal(crm, clock):
    for text in ("Хочу записаться на окрашивание к Ольге завтра после 15", "второе", "Анна, 8 901 000 12 34", "да"):
        lead = crm.business.receives("telegram", text)
        clock.tick(seconds=3)
    clock.tick(seconds=3)
    assert lead.status == Lead.Status.BOOKED
    card, contact, deal = crm.the("lead"), crm.the("contact"), crm.the("deal")
    assert (contact["name"], contact["fm"][0]["value"]) == ("Анна", "+79010001234")
    assert (card["contactId"], deal["contactId"], deal["leadId"]) == (contact["id"], contact["id"], card["id"])
    assert deal["opportunity"] == 3500
    assert crm.the("comment")["COMMENT"].startswith("Leadhub: исход заявки: записан.")
    assert queries.state_of(lead).state == "synced"
