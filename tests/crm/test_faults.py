"""What a portal may answer instead of the truth: each row of its limits and errors, and what becomes of the card."""

import logging
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection as database

from channels_app.models import Notice
from crm import connection as connections
from crm import pacing, queries
from crm.checking import check
from crm.models import Connection, Link
from crm.queries import troubles
from leadhub.logs import WithoutPersonalData
from leadhub.work import TryLater
from routing import calls
from sandbox.testing import SandboxProcess


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("crm.connection.READ_TIMEOUT", 0.4)


def busy(code, text="", **more):
    return {"error": code, "error_description": text} | more


def once(crm):
    """Exactly one card and one contact, and nothing owed."""
    assert len(crm.has("lead")) == len(crm.has("contact")) == 1


# --- Come back by itself ---------------------------------------------------------------------------------------------


def test_503_query_limit_backs_off_with_a_growing_delay_and_counts_no_attempt(crm, clock):
    crm.fault("status", status=503, body=busy("QUERY_LIMIT_EXCEEDED", "Too many requests"), times=3)
    lead = crm.lead()
    pauses = []
    for _ in range(3):
        clock.tick(seconds=(crm.owed(lead).due_at - clock.now()).total_seconds())
        pacing.forget(crm.connection.domain)
        pauses.append((crm.fresh().paused_until - clock.now()).total_seconds())
        assert crm.owed(lead).attempts == 0
    assert pauses == [2, 4, 8]
    assert [call["status"] for call in crm.calls()] == [503] * 3  # the SDK tried none of them again by itself
    assert queries.state_of(lead).state == "waiting"
    clock.tick(seconds=9)
    once(crm)
    assert crm.fresh().failures == 0
    assert crm.owed(lead) is None


def test_503_of_the_real_leaky_bucket_fills_ours_so_that_all_workers_wait(crm, clock):
    crm.sandbox.post("bitrix24/bucket", portal="main", level=50)
    crm.pushed()
    since = crm.last_call
    with pytest.raises(TryLater) as full:
        pacing.pour(crm.connection.domain, below=pacing.START_BELOW)
    assert full.value.after > timedelta(seconds=4)
    clock.tick(seconds=3)
    assert crm.calls(since) == []
    crm.sandbox.post("bitrix24/bucket", portal="main", level=0)
    pacing.forget(crm.connection.domain)
    clock.tick(minutes=2)
    once(crm)


def test_500_internal_server_error_is_tried_again(crm, clock):
    crm.fault("status", status=500, body=busy("INTERNAL_SERVER_ERROR"), times=2)
    crm.fault("status", status=500, body=busy("ERROR_UNEXPECTED_ANSWER"), times=1)
    lead = crm.pushed()
    assert crm.owed(lead).attempts == 1
    clock.tick(minutes=2)
    once(crm)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503, "body": "<html>Service Unavailable</html>"},
        {"kind": "status", "status": 502, "body": "<html>Bad Gateway</html>"},
        {"kind": "timeout", "delay": 0.01},  # 504
        {"kind": "garbage"},
        {"kind": "disconnect"},
    ],
    ids=["503 without json", "502", "504", "200 without json", "hung up"],
)
def test_an_answer_that_is_none_is_tried_again(crm, clock, fault):
    crm.fault(times=1, **fault)
    lead = crm.pushed()
    assert crm.has("lead") == []
    assert queries.state_of(lead).state == "waiting"
    clock.tick(seconds=10)
    once(crm)


def test_a_portal_that_never_answers_is_left_alone_for_a_while_by_all(crm, clock, impatient):
    crm.fault("hang")
    crm.lead()
    crm.lead(phone="+79010000778")
    clock.tick(seconds=3)
    assert len(crm.calls()) == 1  # the second lead did not even ask
    crm.sandbox.clear_faults()
    clock.tick(minutes=1)
    assert len(crm.has("lead")) == 2


@pytest.mark.parametrize("times", [1, 2, 3])
def test_after_timeout_applied_there_is_exactly_one_card(crm, clock, impatient, times):
    """The portal did what was asked; its answer came too late."""
    lead = crm.lead()
    crm.fault("after_timeout", match="crm.item.add", times=times, delay=2.0)
    clock.tick(minutes=2)
    once(crm)
    assert crm.the("lead")["contactId"] == crm.the("contact")["id"]
    assert Link.objects.get(kind="lead", local_id=lead.pk).remote_id == str(crm.the("lead")["id"])


def test_after_timeout_applied_there_is_one_deal_one_task_one_comment(crm, clock, impatient):
    lead = crm.pushed()
    calls.needs_call(lead, why="клиент просил", now=clock.now())
    crm.fault("after_timeout", match="tasks.task.add", times=1, delay=2.0)
    clock.tick(minutes=1)
    assert len(crm.has("task")) == 1
    crm.book(lead)
    crm.tell(lead, "booked", status="booked", outcome_at=clock.now())
    crm.fault("after_timeout", match="crm.item.add", times=1, delay=2.0)
    crm.fault("after_timeout", match="timeline.comment", times=1, delay=2.0)
    clock.tick(minutes=2)
    assert [len(crm.has(kind)) for kind in ("lead", "contact", "deal", "task", "comment")] == [1, 1, 1, 1, 1]
    assert crm.the("deal")["leadId"] == crm.the("lead")["id"]


def test_a_comment_that_was_refused_for_now_is_told_later(crm, clock):
    lead = crm.pushed()
    crm.fault("status", match="timeline.comment", status=503, body=busy("QUERY_LIMIT_EXCEEDED"), times=1)
    crm.tell(lead, "closed", status="refused", outcome_at=clock.now())
    clock.tick(seconds=3)
    assert crm.has("comment") == []
    pacing.forget(crm.connection.domain)
    clock.tick(seconds=30)
    assert crm.the("comment")["COMMENT"] == "Leadhub: исход заявки: отказ."
    assert crm.the("lead")["stageId"] == "JUNK"


# --- 429: one method, until the portal's own moment ------------------------------------------------------------------


def test_429_operation_time_limit_waits_until_the_moment_the_portal_named(crm, clock):
    named = {"finish": 1_800_000_000.0, "operating_reset_at": 1_800_000_240, "operating": 480.0}
    crm.fault("status", status=429, body=busy("OPERATION_TIME_LIMIT", time=named), times=1)
    lead = crm.lead()
    clock.tick(seconds=2)
    assert crm.owed(lead).due_at - clock.now() == timedelta(seconds=240)
    assert crm.owed(lead).attempts == 0
    clock.tick(seconds=239)
    assert len(crm.calls()) == 1
    clock.tick(seconds=1)
    once(crm)


def test_429_of_one_method_in_a_batch_holds_back_that_method_alone(crm, clock):
    crm.sandbox.post("bitrix24/bucket", code="sandbox", method="tasks.task.add", operating=480)
    lead = crm.lead()
    calls.needs_call(lead, why="клиент просил", now=clock.now())
    clock.tick(seconds=3)
    once(crm)
    assert crm.has("task") == []
    since = crm.last_call
    crm.tell(lead, score=90)
    clock.tick(seconds=3)
    assert "crm.item.update" in str(crm.calls(since))  # the card goes on; the blocked method is left alone
    assert "tasks.task.add" not in str(crm.calls(since))
    crm.sandbox.settings(bitrix24_operating_limit=100_000)
    clock.tick(minutes=2)
    assert len(crm.has("task")) == 1


def test_429_without_a_moment_waits_until_the_one_told_before(crm, clock):
    crm.sandbox.post("bitrix24/bucket", code="sandbox", method="crm.item.update", operating=470)
    lead = crm.pushed()
    crm.tell(lead, score=79)
    clock.tick(seconds=3)  # its answer tells how much was used, and when the oldest minute leaves
    crm.sandbox.post("bitrix24/bucket", code="sandbox", method="crm.item.update", operating=480)
    crm.tell(lead, score=80)
    clock.tick(seconds=3)
    assert timedelta(minutes=8) < crm.owed(lead).due_at - clock.now() <= timedelta(minutes=10)


# --- A part of a batch -----------------------------------------------------------------------------------------------


def test_a_batch_of_which_a_part_fails_keeps_what_went_through(crm, clock):
    lead = crm.pushed()
    crm.sandbox.post("bitrix24/bucket", code="sandbox", method="crm.item.update", operating=480)
    crm.book(lead)
    crm.tell(lead, score=90, status="booked", outcome_at=clock.now())
    clock.tick(seconds=3)
    assert len(crm.has("deal")) == 1
    assert crm.the("lead")["stageId"] == "NEW"
    assert crm.owed(lead).attempts == 0
    crm.sandbox.settings(bitrix24_operating_limit=100_000)
    clock.tick(minutes=11)
    assert len(crm.has("deal")) == 1
    assert crm.the("lead")["stageId"] == "PROCESSED"


def test_empty_maps_come_as_lists(crm, clock):
    whole = crm.sandbox.get("bitrix24/portal")["directory"]
    crm.set(directory=whole | {"SOURCE": {}})
    crm.pushed()  # findbycomm finds nobody: []; no command failed: []
    once(crm)
    assert connections._by_name([], {"a": ("x", {})}) == {}


def test_400_a_value_the_portal_does_not_take_stops_visibly_and_can_be_sent_again(crm, clock):
    check(crm.connection, now=clock.now())
    lead = crm.lead()
    whole = crm.sandbox.get("bitrix24/portal")["directory"]
    renamed = {"FIRST": "Первый", "DONE": "Готов"}
    crm.set(directory=whole | {"STATUS": renamed})  # after our directory was read
    crm.tell(lead, taken_at=clock.now())
    clock.tick(seconds=3)
    assert crm.has("lead") == []
    state = queries.state_of(lead)
    assert (state.state, state.error) == ("failed", "Битрикс24 не принял: Поле stageId заполнено некорректно")
    queries.retry(lead, now=clock.now())
    clock.settle()  # with the directory read anew
    assert crm.the("lead")["stageId"] == "FIRST"
    assert queries.state_of(lead).state == "synced"


# --- Stopped until a person mends it ---------------------------------------------------------------------------------

STOPS = {
    "OVERLOAD_LIMIT 503": ({"overloaded": True}, {}, "перегрузки"),
    "ACCESS_DENIED 403": ({"plan": "free"}, {}, "тариф без REST"),
    "PORTAL_DELETED 500": ({"deleted": True}, {}, "портал удалён"),
    "NO_AUTH_FOUND 401": ({}, {"webhook_token": "1/wrongcode"}, "ключ вебхука не принят"),
    "INVALID_CREDENTIALS 403": ({}, {"webhook_token": "77/sandbox"}, "ключ вебхука не принят"),
}


@pytest.mark.parametrize(("portal", "fields", "words"), STOPS.values(), ids=STOPS.keys())
def test_a_refusal_stops_the_connection_without_hammering_and_the_owner_mends_it(crm, clock, portal, fields, words):
    crm.set(**portal)
    Connection.objects.filter(pk=crm.connection.pk).update(**fields)
    lead = crm.pushed()
    clock.tick(hours=1)
    assert len(crm.calls()) == 1
    assert words in crm.fresh().broken_reason
    assert words in " ".join(troubles(now=clock.now()))
    told = Notice.objects.filter(kind="failure", text__startswith="Битрикс24 остановлен")
    assert {notice.staff.name for notice in told} == {"Виктор", "Светлана"}
    state = queries.state_of(lead)
    assert (state.state, words in state.error) == ("failed", True)
    assert crm.owed(lead).failed_at is None
    crm.set(overloaded=False, plan="commercial", deleted=False)
    Connection.objects.filter(pk=crm.connection.pk).update(webhook_token="1/sandbox")
    check(crm.fresh(), now=clock.now())
    clock.tick(seconds=10)
    once(crm)
    assert queries.state_of(lead).state == "synced"


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, "expired_token", "ключ вебхука"),
        (403, "insufficient_scope", "право CRM"),
        (403, "user_access_error", "нет доступа"),
        (403, "allowed_only_intranet_user", "нет доступа"),
        (400, "INVALID_REQUEST", "HTTPS"),
        (410, "PORTAL_DELETED", "удалён"),
    ],
)
def test_other_refusals_stop_it_too_whatever_their_case(crm, clock, status, code, words):
    crm.fault("status", status=status, body=busy(code, "no"))
    crm.pushed()
    clock.tick(minutes=30)
    assert words in crm.fresh().broken_reason
    assert len(crm.calls()) == 1


def test_an_expired_webhook_stops_it(crm, clock):
    crm.sandbox.post("bitrix24/webhooks", code="expired1", expires_at=1.0)
    Connection.objects.filter(pk=crm.connection.pk).update(webhook_token="1/expired1")
    crm.pushed()
    assert "ключ вебхука не принят" in crm.fresh().broken_reason


def test_insufficient_scope_for_tasks_does_not_stop_cards(crm, clock):
    crm.sandbox.post("bitrix24/webhooks", code="onlycrm", scope=["crm"])
    Connection.objects.filter(pk=crm.connection.pk).update(webhook_token="1/onlycrm")
    findings = check(crm.fresh(), now=clock.now())
    assert any("право «Пользователи»" in finding for finding in findings)
    lead = crm.lead()
    calls.needs_call(lead, why="клиент просил", now=clock.now())
    clock.tick(seconds=3)
    once(crm)
    assert crm.fresh().broken_reason == ""
    assert queries.state_of(lead).state == "failed"


@pytest.mark.parametrize(
    "fields", [{"domain": "no such/portal"}, {"webhook_token": "abc"}, {"webhook_token": ""}, {"domain": "пример..рф"}]
)
def test_a_connection_written_wrongly_stops_without_a_request(crm, clock, fields):
    Connection.objects.filter(pk=crm.connection.pk).update(**fields)
    crm.pushed()
    assert "записан неверно" in crm.fresh().broken_reason
    assert crm.calls() == []


def test_a_check_of_a_dead_connection_says_why(crm, clock):
    Connection.objects.filter(pk=crm.connection.pk).update(webhook_token="1/wrongcode")
    [finding] = check(crm.fresh(), now=clock.now())
    assert finding == "Не работает: ключ вебхука не принят: он неверен, отозван или истёк его срок."


# --- Moved -----------------------------------------------------------------------------------------------------------


def test_a_moved_portal_is_followed_with_the_post_and_its_address_kept(crm, clock, tmp_path, monkeypatch):
    with SandboxProcess(tmp_path) as elsewhere:
        bundle = tmp_path / "both.pem"
        bundle.write_text("".join(Path(ca).read_text() for ca in (crm.sandbox.ca_file, elsewhere.ca_file)))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        crm.set(moved_to=elsewhere.tls_domain)
        crm.pushed()
        assert crm.fresh().domain == elsewhere.tls_domain
        assert len(elsewhere.entities()["lead"]) == 1
        assert [call["status"] for call in crm.calls()] == [302]


def test_a_redirect_to_a_login_page_is_no_move(crm, clock):
    before = crm.connection.domain
    crm.fault("status", status=302, body="", headers={"Location": "https://evil.example/login"}, times=1)
    crm.pushed()
    assert crm.fresh().domain == before
    clock.tick(seconds=10)
    once(crm)


# --- Many at once ----------------------------------------------------------------------------------------------------


def test_our_own_bucket_is_shared_and_gives_each_waiting_one_its_own_turn(crm):
    domain = crm.connection.domain
    pacing.fill(domain, pacing.START_BELOW)
    waits = []
    for _ in range(3):
        with pytest.raises(TryLater) as full:
            pacing.pour(domain, below=pacing.START_BELOW)
        assert full.value.counts is False
        waits.append(full.value.after.total_seconds())
    assert waits[0] > 0
    assert [round(later - sooner, 1) for sooner, later in zip(waits, waits[1:], strict=False)] == [0.5, 0.5]
    pacing.pour(domain, below=pacing.GO_ON_BELOW)  # a push that began goes on


def test_those_who_waited_out_a_pause_come_back_one_after_another(crm, clock):
    crm.fault("status", status=500, body=busy("INTERNAL_SERVER_ERROR"), times=1)
    leads = [crm.lead(phone=f"+7901000077{number}") for number in range(4)]
    clock.tick(seconds=2)
    due = sorted(crm.owed(lead).due_at for lead in leads[1:])
    assert [round((later - sooner).total_seconds(), 1) for sooner, later in zip(due, due[1:], strict=False)] == [
        0.5
    ] * 2
    clock.tick(minutes=1)
    assert len(crm.has("lead")) == 4


def test_a_full_bucket_of_ours_keeps_requests_away_from_the_portal(crm, clock):
    pacing.fill(crm.connection.domain, 1000)  # it leaks while the test runs, however slowly
    lead = crm.pushed()
    assert crm.calls() == []
    assert crm.owed(lead).attempts == 0


def test_two_workers_never_push_one_contact_at_the_same_time(crm, clock):
    lead = crm.lead()
    held, done = threading.Event(), threading.Event()

    def other_worker(name: str) -> None:
        pacing._lock(name)
        held.set()
        done.wait(10)
        pacing._unlock(name)
        database.close()

    name = f"contact {database.schema_name} {lead.contact_id}"
    worker = threading.Thread(target=other_worker, args=(name,))
    worker.start()
    held.wait(10)
    clock.tick(seconds=3)
    assert crm.calls() == []
    assert crm.owed(lead).attempts == 0
    done.set()
    worker.join()
    clock.tick(seconds=3)
    once(crm)


def test_a_push_that_runs_out_of_its_time_stops_before_its_lease_ends(crm, clock, monkeypatch):
    monkeypatch.setattr("crm.connection.BUDGET", 1.0)
    lead = crm.pushed()
    assert crm.calls() == []
    assert "слишком долго" in crm.owed(lead).last_error


# --- Told to people --------------------------------------------------------------------------------------------------


def test_a_lead_without_a_card_after_30_minutes_is_told_once(crm, clock):
    crm.fault("status", status=500, body=busy("INTERNAL_SERVER_ERROR"))
    lead = crm.lead()
    clock.tick(minutes=29)
    assert Notice.objects.count() == 0
    clock.tick(minutes=2)
    texts = {(notice.staff.name, notice.text) for notice in Notice.objects.all()}
    text = f"Заявки № {lead.pk} нет в Битрикс24 дольше 30 мин"
    assert texts == {("Виктор", text), ("Светлана", text)}
    assert troubles(now=clock.now()) == ["Без карточки в Битрикс24 дольше 30 мин заявок: 1"]
    clock.tick(hours=2)
    assert Notice.objects.count() == 2
    crm.sandbox.clear_faults()
    clock.tick(minutes=20)
    once(crm)
    assert troubles(now=clock.now()) == []


def test_a_card_in_time_is_nobodys_concern(crm, clock):
    crm.pushed()
    clock.tick(hours=1)
    assert Notice.objects.count() == 0


SECRET = "verysecretcode123"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "disconnect"},
        {"kind": "hang"},
        {"kind": "garbage"},
        {"kind": "status", "status": 500, "body": {"error": "X", "error_description": f"/rest/1/{SECRET}/ failed"}},
        {"kind": "status", "status": 400, "body": {"error": "X", "error_description": f"/rest/1/{SECRET}/ failed"}},
        {"kind": "status", "status": 401, "body": {"error": "NO_AUTH_FOUND", "error_description": SECRET}},
        {"kind": "status", "status": 302, "body": "", "headers": {"Location": f"https://x/rest/1/{SECRET}/a"}},
    ],
    ids=lambda fault: f"{fault['kind']} {fault.get('status', '')}",
)
def test_the_webhooks_key_is_in_no_error_and_no_log(crm, clock, impatient, caplog, fault):
    caplog.set_level(logging.DEBUG)
    caplog.handler.addFilter(WithoutPersonalData())
    crm.sandbox.post("bitrix24/webhooks", code=SECRET)
    Connection.objects.filter(pk=crm.connection.pk).update(webhook_token=f"1/{SECRET}")
    crm.fault(**fault)
    lead = crm.pushed()
    seen = [crm.owed(lead).last_error, crm.fresh().broken_reason, *Link.objects.values_list("error", flat=True)]
    seen += [*Notice.objects.values_list("text", flat=True), str(queries.state_of(lead)), caplog.text]
    assert crm.calls()
    assert crm.owed(lead).last_error
    assert SECRET not in " ".join(seen)


def test_a_portal_out_of_reach_leaves_no_key_either(crm, clock, caplog):
    caplog.set_level(logging.INFO)
    Connection.objects.filter(pk=crm.connection.pk).update(domain="localhost:9", webhook_token=f"1/{SECRET}")
    lead = crm.pushed()
    assert "нет связи" in crm.owed(lead).last_error
    assert SECRET not in crm.owed(lead).last_error + caplog.text
