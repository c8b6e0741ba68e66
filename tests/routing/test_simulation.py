"""What the draft would have done with past leads: the same as the real path does, and nothing is left behind."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.db import InternalError, connection
from django.test.utils import CaptureQueriesContext

from routing import assignment, config, presence, recalled, rulesets, simulation, simulation_job, who_now
from routing.models import Lead, Queue, RuleSet
from routing.outlook import Case
from routing.rules.reading import read_rules
from routing.rules.targets import target_of
from tenants.business.models import Shift, StaffMember

HOT = "Здравствуйте! Хочу записаться на окрашивание завтра после 15"
PRICE = "Сколько стоит маникюр?"
COMPLAINT = "Ужасно подстригли, верните деньги!"
BY = "Виктор"
RULES = (
    'RULE "Цены": IF intent = price_question THEN assign_to = role_senior AND tag = "цена"\n'
    'RULE "Ногти": IF category = "Ногти" AND temperature = hot THEN assign_to = "Марина" AND priority = high\n'
    'RULE "Никогда": IF utm_campaign = "никакая" THEN stop\n'
    'RULE "Опоздавшее": IF intent = price_question THEN assign_to = "Анна"\n'
)


@pytest.fixture(autouse=True)
def _outside(outside):
    """Every story needs the messenger."""


@pytest.fixture
def publish(clock):
    def run(text: str) -> RuleSet:
        rulesets.save_draft(text, by=BY, now=clock.now())
        return rulesets.publish(by=BY, now=clock.now())

    return run


@pytest.fixture
def draft(clock):
    return lambda text: rulesets.save_draft(text, by=BY, now=clock.now())


@pytest.fixture
def past(salon, clock):
    """A morning of six clients comes in; their leads."""

    def come() -> list[Lead]:
        for client, text in enumerate(
            (HOT, PRICE, COMPLAINT, "Хочу записаться на маникюр сегодня в 18", HOT, "Где вы находитесь?"), start=601
        ):
            salon.receives("telegram", text, client=client)
            clock.tick(seconds=20)
        return list(Lead.objects.select_related("owner").order_by("pk"))

    return come


def rows_of_everything() -> dict[str, int]:
    """A checksum of every table of the business and of the public schema."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', current_schema()) ORDER BY 1, 2"
        )
        names = cursor.fetchall()
        found = {}
        for schema, table in names:
            cursor.execute(f'SELECT count(*), sum(hashtext(t::text)::bigint) FROM "{schema}"."{table}" t')
            found[table] = cursor.fetchone()
    return found


def played(after: str, limit: int = 100, *, now) -> dict:
    ground = simulation.load(limit, config.load(), now=now)
    return simulation.compare(config.load().rules.rules, read_rules(after).rules, ground)


def test_the_replay_of_what_is_in_force_gives_each_lead_to_whom_it_really_went(salon, clock, publish, past):
    publish(RULES)
    leads = past()
    first = [lead.assignments.order_by("pk").first() for lead in leads]
    assert {one.staff.name for one in first if one} >= {"Светлана", "Марина"}

    result = played(RULES, now=clock.now())

    assert result["leads"] == 6
    assert result["differing"] == 0
    likeness = result["likeness"]
    assert likeness["same_kind"] == likeness["leads"] == 6
    assert likeness["same_person"] == likeness["given"] == len([one for one in first if one])


def test_a_hard_hour_is_replayed_as_it_was(salon, clock, publish):
    """Shares by weight, a client who writes in English, full people, who is on duty, and then nobody."""
    StaffMember.objects.update(load_cap=2)
    StaffMember.objects.filter(name="Анна").update(lead_weight=3, load_cap=3)
    StaffMember.objects.filter(name="Борис").update(languages=["en"])
    publish('ЕСЛИ балл >= 0 ТО назначить = роль_администратор И порядок = "по весам"')
    for client in range(631, 642):
        salon.receives("telegram", "Hello! How much is a haircut?" if client == 632 else PRICE, client=client)
        clock.tick(seconds=3)
    given = [lead.assignments.order_by("pk").first() for lead in Lead.objects.order_by("pk")]
    names = [one.staff.name if one else None for one in given]
    assert names[:5] == ["Анна", "Борис", "Анна", "Анна", "Борис"]
    assert set(names[5:]) == {"Светлана", "Виктор", None}
    reasons = [one.reason if one else "" for one in given]
    assert any(reason.startswith("дежурный") for reason in reasons)

    ground = simulation.load(100, config.load(), now=clock.now())
    run = simulation.Replay(config.load().rules.rules, ground.world)
    for lead in ground.leads:
        run.take_in(lead)

    assert [ground.world.team.names.get(owner) for owner in run.first_owners] == names
    assert [done.choice.reason if done.owner_id else "" for done in run.outcomes] == reasons
    assert all(done.is_called for done in run.outcomes)  # who went to nobody waits for somebody


def test_rules_say_the_same_in_either_language(salon, clock, publish):
    publish('ЕСЛИ балл > 0 ТО назначить = роль_администратор И порядок = "наименее занятому" И цепочка = "быстрая"')
    StaffMember.objects.filter(name="Анна").update(load_cap=40)
    for client in range(651, 656):
        lead = salon.receives("telegram", PRICE, client=client)
        assert lead.sequence == "quick"
    assert Lead.objects.filter(owner=salon.anna).count() == 4  # who can take ten times as many is the less loaded

    english = "IF score > 0 THEN assign_to = role_receptionist AND strategy = least_loaded AND start_nurture = quick"
    result = played(english, now=clock.now())

    assert result["differing"] == 0
    assert result["likeness"]["same_person"] == result["likeness"]["given"] == 5


def test_on_paper_people_are_at_work_by_the_same_schedule(salon, clock):
    """A split day, every other day off; asked each half an hour of three days."""
    Shift.objects.filter(staff=salon.boris).update(end=time(13))
    monday = salon.anna.shifts.first().anchor_date
    again = {"branch": salon.branch, "anchor_date": monday, "offset_day": 0, "end": time(21)}
    Shift.objects.create(staff=salon.boris, start=time(14), cycle_days=1, **again)
    Shift.objects.filter(staff=salon.anna).delete()
    Shift.objects.create(staff=salon.anna, start=time(9), cycle_days=2, **again)
    config.forget_all()
    known = config.load()
    roster = recalled.Roster(known, dict(recalled.load_team(known).branches_of))
    seen = set()
    for half in range(144):
        moment = clock.now() + timedelta(minutes=30 * half)
        for person in StaffMember.objects.filter(name__in=["Анна", "Борис", "Светлана"]):
            really, played = presence.standing(person, now=moment), roster.standing(person.pk, moment)
            why = (really.is_on_shift, really.is_absent, really.is_near, really.branch_id, really.began)
            assert (played.is_on_shift, played.is_absent, played.is_near, played.branch_id, played.began) == why
            seen.add((person.name, *why[:3]))
    assert ("Борис", True, True, True) in seen
    assert ("Анна", True, False, False) in seen
    assert len(seen) == 7


def test_a_draft_says_who_would_have_got_what_and_why(salon, clock, publish, past):
    publish(RULES)
    leads = past()
    changed = RULES.replace("role_senior", '"Борис"').replace('"Никогда": IF utm_campaign', '"Никогда": IF utm_term')

    result = played(changed + 'RULE "Все": IF score > 0 THEN notify = role_owner', now=clock.now())

    [price] = [one for one in result["changes"] if one["lead"] == leads[1].pk]
    assert (price["before"], price["after"]) == ("Светлана", "Борис")
    assert price["why_after"] == "Правило «Цены»"
    assert price["also"] == ["+ уведомить: Виктор"]
    assert result["differing"] == 6
    people = {one["name"]: (one["before"], one["after"]) for one in result["people"]}
    assert people["Марина"] == (1, 1)
    assert sum(after for _, after in people.values()) == sum(before for before, _ in people.values())
    counts = {one["title"]: (one["before"], one["after"]) for one in result["counts"]}
    assert counts["Уведомления"][1] == counts["Уведомления"][0] + 6
    assert counts["Высокий приоритет"] == (1, 1)
    verdicts = {one["name"]: one["verdict"] for one in result["rules"][1]}
    assert verdicts == {
        "Цены": "",
        "Ногти": "",
        "Никогда": "ни разу не сработало",
        "Опоздавшее": "всегда опережают другие",
        "Все": "",
    }


def test_a_clock_of_a_rule_runs_out_on_paper_as_it_really_did(salon, clock, publish):
    publish('RULE "Ждёт": IF response_time > 60s THEN reassign_to = backup ELSE create_task = "Перезвонить"')
    salon.receives("telegram", PRICE, client=611)
    answered = salon.receives("telegram", PRICE, client=612)
    assignment.take(answered, by=salon.anna, now=clock.now())
    clock.tick(seconds=61)
    assert salon.lead(611).owner == salon.svetlana

    result = played("", now=clock.now())

    counts = {one["title"]: (one["before"], one["after"]) for one in result["counts"]}
    assert counts["Пущено часов правил"] == (2, 0)
    assert counts["Из них истекли"] == (1, 0)
    [change] = result["changes"]
    assert (change["before"], change["after"]) == ("Светлана", "ассистент")


def test_caps_hold_and_ended_leads_make_room(salon, clock, publish, past):
    leads = past()
    for person in (salon.anna, salon.boris):
        person.load_cap = 1
        person.save()
    first = leads[0]
    Lead.objects.filter(pk=first.pk).update(status="refused", outcome_at=first.created_at + timedelta(seconds=5))
    config.forget_all()

    result = played("IF score > 0 THEN assign_to = role_receptionist", now=clock.now())

    peaks = {one["name"]: one["peak_after"] for one in result["people"]}
    assert peaks["Анна"] <= 1
    assert peaks["Борис"] <= 1
    assert sum(one["after"] for one in result["people"]) == 6  # who found no room went to the next circle


def test_nothing_is_left_and_the_database_itself_refuses_writes(salon, clock, publish, draft, past):
    publish(RULES)
    past()
    rules = draft(RULES + 'RULE "Ещё": IF score > 0 THEN quarantine AND create_task = "Позвонить" AND tag = "x"')
    before = rows_of_everything()

    simulation_job.run(rules.pk, 1000, now=clock.now())

    assert rows_of_everything() == before
    assert simulation_job.state(rules)["result"]["differing"] == 6
    with pytest.raises(InternalError, match="read-only"), simulation.reading_only():
        Lead.objects.update(summary="x")


def test_queries_do_not_grow_with_the_leads(salon, clock, past):
    past()

    def queries(limit: int) -> int:
        known = config.load()
        with CaptureQueriesContext(connection) as caught:
            ground = simulation.load(limit, known, now=clock.now())
        assert len(ground.leads) == limit
        with CaptureQueriesContext(connection) as none:
            simulation.compare((), read_rules(RULES).rules, ground)
        assert len(none) == 0
        return len(caught)

    assert queries(1) == queries(6)


def test_the_job_tells_how_far_it_is_and_a_neighbour_knows_nothing_of_it(salon, neighbour, clock, draft, past):
    rules = draft(RULES)
    past()
    assert simulation_job.state(rules) is None
    simulation_job.ask(rules, 100, by=BY)
    assert simulation_job.state(rules)["state"] == "waiting"
    told = []
    simulation_job.play(rules, 100, now=clock.now(), tell=told.append)
    assert told[0] == 0
    assert told[-1] == 100
    clock.settle()
    done = simulation_job.state(rules)
    assert (done["state"], done["result"]["leads"], done["by"]) == ("done", 6, BY)
    with neighbour.inside():
        assert simulation_job.state(rules) is None


def test_without_leads_there_is_nothing_to_compare(salon, clock, draft):
    result = simulation_job.play(draft(RULES), 100, now=clock.now())
    assert (result["leads"], result["changes"], result["people"]) == (0, [], [])


@pytest.mark.parametrize(
    "target",
    [
        "queue_nails",
        "queue_none",
        '"Анна"',
        "role_receptionist",
        "senior",
        "branch Весна на Ленина",
        "backup_manager",
        "matrix",
        "matrix A",
        "previous_manager",
        "shift morning",
        "Кто-то",
    ],
)
def test_a_target_means_the_same_people_on_paper(salon, clock, target):
    from routing import ruling

    Queue.objects.create(key="nails", name="Ногти", members=[salon.marina.pk, salon.anna.pk], strategy="weighted")
    lead = salon.receives("telegram", HOT)
    earlier = salon.lead()
    Lead.objects.filter(pk=earlier.pk).update(owner=salon.boris, status="refused")
    lead = salon.receives("telegram", HOT)
    known = config.load()
    team = recalled.load_team(known)
    roster = recalled.Roster(known, dict(team.branches_of))
    meant = target_of(target.strip('"'))
    case = Case(lead.stage, lead.branch_id, None, True, False, led_by=frozenset({salon.boris.pk}))

    found = team.meant(meant, case, lambda pk: roster.shift_of(pk, clock.now()))

    assert sorted(found) == sorted(person.pk for person in ruling._people(meant, lead, now=clock.now()))
    assert team.strategy(meant) == ruling._queue_strategy(meant)


def test_who_would_get_it_now_and_why_not_the_others(salon, clock, publish, draft):
    publish(RULES)
    lead = salon.receives("telegram", PRICE)
    assert lead.owner == salon.svetlana
    draft('RULE "К Ане": IF intent = price_question THEN assign_to = "Анна"')
    salon.person("Борис")
    before = rows_of_everything()

    now_, drafted = who_now.who_now(lead, now=clock.now())

    assert rows_of_everything() == before
    assert (now_.title, now_.whom, now_.why) == ("Правила, версия 1", "Светлана", "Правило «Цены»")
    assert [(rule.title, rule.is_lost) for rule in now_.rules] == [("Цены", False), ("Опоздавшее", True)]
    assert now_.rules[0].conditions == (("чего хочет клиент — вопрос о цене", True),)
    assert now_.rules[0].wants == ("назначить: role_senior", "поставить метку: цена")
    verdicts = {one.name: (one.is_chosen, one.reason) for one in now_.people}
    assert verdicts["Светлана"][0]
    assert verdicts["Анна"] == (False, "не отвечает за этот этап"), "X"
    assert (drafted.title, drafted.whom) == ("Черновик, версия 2", "Анна")


def test_who_now_says_what_really_happens_next(salon, clock):
    first = salon.receives("telegram", HOT, client=621)
    taken = salon.receives("telegram", PRICE, client=622)
    [said] = who_now.who_now(taken, now=clock.now())
    assert said.whom == "Никому, ведёт ассистент"
    Lead.objects.filter(pk=taken.pk).update(temperature="hot")
    [said] = who_now.who_now(salon.lead(622), now=clock.now())
    really = assignment.give(salon.lead(622), stage=taken.stage, now=clock.now(), why="Горячая заявка")
    assert said.whom == really.name
    assert really != first.owner
