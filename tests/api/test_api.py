"""The JSON of a business, for its members alone."""

import pytest
from django.test import Client

LISTS = ("leads/", "conversations/", "appointments/")


@pytest.fixture
def lead(salon, outside):
    return salon.receives("telegram", "Хочу записаться на маникюр завтра утром")


def test_lead_tells_what_it_is_and_why(salon, lead):
    [row] = salon.browser("anna").get(salon.url("api/v1/leads/")).json()["results"]
    assert row["id"] == lead.pk
    assert (row["channel"], row["service"], row["intent"]) == ("telegram", "Маникюр", "booking")
    assert sum(part["points"] for part in row["score_parts"]) == row["score"]


def test_one_lead_comes_with_its_decision_record_and_clock(salon, neighbour, lead):
    url = f"api/v1/leads/{lead.pk}/"
    found = salon.browser("anna").get(salon.url(url)).json()
    assert [line["kind"] for line in found["decisions"]][:2] == ["understood", "scored"]
    assert found["clock"] == "take"
    told = [(one["kind"], one["to"], one["seen_at"]) for one in found["notices"]]
    assert ("hot_lead", lead.owner.name, None) in told
    assert neighbour.browser("anna").get(neighbour.url(url)).status_code == 404


def test_conversation_comes_with_its_messages_but_not_with_notes(salon, lead):
    lead.conversation.messages.create(
        author="note", text="секрет", sent_at=lead.created_at, received_at=lead.created_at
    )
    found = salon.browser("anna").get(salon.url(f"api/v1/conversations/{lead.conversation_id}/")).json()
    assert [message["author"] for message in found["messages"]] == ["client", "assistant"]


def test_openings_of_a_service(salon):
    service = salon.service("Маникюр")
    url = salon.url(f"api/v1/openings/?service={service.pk}&from=2026-11-26&days=2")
    days = salon.browser("anna").get(url).json()["days"]
    assert [day["day"] for day in days] == ["2026-11-26", "2026-11-27"]
    assert {opening["staff"] for day in days for opening in day["openings"]} == {"Марина"}


@pytest.mark.parametrize("query", ["", "?service=x", "?service=1&from=yesterday", "?service=1&days=x"])
def test_bad_question_gets_a_clear_400(salon, query):
    answer = salon.browser("anna").get(salon.url(f"api/v1/openings/{query}"))
    assert answer.status_code == 400
    assert answer.json()


def test_appointments_of_a_local_day(salon, outside, clock):
    for text in ("Запишите на маникюр завтра в 9 утра", "да", "Анна, 8 901 000 12 34", "да, согласна"):
        clock.tick(seconds=4)
        salon.receives("telegram", text)
    browser = salon.browser("anna")
    [row] = browser.get(salon.url("api/v1/appointments/?day=2026-11-26")).json()["results"]
    assert (row["staff"], row["services"], row["status"]) == ("Марина", ["Маникюр"], "booked")
    assert browser.get(salon.url("api/v1/appointments/?day=2026-11-25")).json()["results"] == []
    assert browser.get(salon.url("api/v1/appointments/?day=oops")).status_code == 400


@pytest.mark.parametrize("path", LISTS)
def test_only_reading_and_only_members(salon, neighbour, lead, path):
    url = salon.url(f"api/v1/{path}")
    assert Client().get(url).status_code == 401
    assert neighbour.browser("anna").get(url).status_code == 404
    assert salon.browser("mila").get(url).status_code == 403  # marketing has no inbox
    assert salon.browser("anna").post(url, {}).status_code == 405
    assert neighbour.browser("anna").get(neighbour.url(f"api/v1/{path}")).json()["results"] == []


def test_schema_names_the_tenants_own_address(salon):
    answer = salon.browser("anna").get(salon.url("api/v1/schema/?format=json"))
    assert answer.json()["servers"] == [{"url": "/t/vesna"}]
    assert "/leads/" in str(answer.json()["paths"])
    assert "unpkg" not in salon.browser("anna").get(salon.url("api/v1/docs/")).content.decode()
