"""The owner edits the business: what is typed is what acts, and what cannot be is refused in Russian."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from django.contrib.admin.models import LogEntry

from assistant.models import Promotion
from booking.models import Appointment, minutes_of
from contacts.models import Contact
from routing.models import AdSpend, ScorePolicy
from tenants.business import shifts, versions
from tenants.business.calendar import load_calendars, load_rotas
from tenants.business.models import BusinessSettings, MatrixCell, MessageTemplate, Service, Shift
from tenants.business.responsibility import load_matrix
from tenants.business.wording import Wording
from tests.admin.conftest import filled, page
from tests.world import MATRIX

# --- Prices and lists ---


def test_price_is_read_and_written_in_roubles(salon, save, owner):
    service = salon.service("Маникюр")
    url = salon.url(f"admin/business/service/{service.pk}/change/")

    assert 'value="1800"' in page(owner.get(url))
    assert save(url, price_kopecks="1 950,50", price_to_kopecks="2500").status_code == 302

    service.refresh_from_db()
    assert (service.price_kopecks, service.price_to_kopecks) == (195_050, 250_000)
    assert 'value="1950,50"' in page(owner.get(url))


def test_saving_an_untouched_service_changes_nothing(salon, save):
    service = salon.service("Маникюр")
    before = {field.attname: getattr(service, field.attname) for field in Service._meta.concrete_fields}

    assert save(salon.url(f"admin/business/service/{service.pk}/change/")).status_code == 302

    service.refresh_from_db()
    assert {field.attname: getattr(service, field.attname) for field in Service._meta.concrete_fields} == before
    assert "Ни одно поле не изменено" in LogEntry.objects.latest("pk").get_change_message()


@pytest.mark.parametrize("price", ["дорого", "-5", "15.123", "1e3", "99999999999", "١٥"])
def test_price_that_is_no_sum_is_refused_beside_the_field(salon, save, price):
    service = salon.service("Маникюр")

    answer = save(salon.url(f"admin/business/service/{service.pk}/change/"), price_kopecks=price)

    assert answer.context["adminform"].form.errors.keys() == {"price_kopecks"}
    service.refresh_from_db()
    assert service.price_kopecks == 180_000


def test_upper_price_below_the_lower_is_refused(salon, save):
    service = salon.service("Маникюр")

    answer = save(salon.url(f"admin/business/service/{service.pk}/change/"), price_to_kopecks="100")

    assert "Верхняя цена меньше нижней" in page(answer)


def test_synonyms_are_lines(salon, save, owner):
    service = salon.service("Маникюр")
    url = salon.url(f"admin/business/service/{service.pk}/change/")

    save(url, synonyms="ногти\r\n\r\n  гель-лак \r\nногти\r\nпокрытие, два слоя")

    service.refresh_from_db()
    assert service.synonyms == ["ногти", "гель-лак", "покрытие, два слоя"]
    assert "ногти\nгель-лак\nпокрытие, два слоя" in page(owner.get(url))


def test_branch_with_people_is_not_deleted_and_the_page_says_what_to_do(salon, owner):
    url = salon.url(f"admin/business/branch/{salon.branch.pk}/delete/")

    for answer in (owner.get(url, follow=True), owner.post(url, {"post": "yes"}, follow=True)):
        assert "снимите отметку «работает»" in page(answer)
    assert salon.branch.staff.exists()


def test_service_that_visits_had_is_not_deleted(salon, owner):
    service, other = salon.service("Маникюр"), salon.service("Педикюр")
    now = salon.clock.now()
    visit = Appointment.objects.create(
        staff=salon.marina,
        branch=salon.branch,
        contact=Contact.objects.create(name="Ирина", created_at=now),
        starts_at=now,
        ends_at=now + timedelta(hours=1),
        start_min=minutes_of(now),
        end_min=minutes_of(now) + 60,
        price_kopecks=service.price_kopecks,
        status=Appointment.Status.BOOKED,
        created_at=now,
    )
    visit.services.add(service)

    answer = owner.post(salon.url(f"admin/business/service/{service.pk}/delete/"), {"post": "yes"}, follow=True)
    owner.post(salon.url(f"admin/business/service/{other.pk}/delete/"), {"post": "yes"})

    assert "снимите отметку «оказывается»" in page(answer)
    assert list(visit.services.all()) == [service]
    assert not Service.objects.filter(pk=other.pk).exists()


# --- One row ---


@pytest.mark.parametrize("model", ["business/businesssettings", "routing/scorepolicy"])
def test_list_of_a_single_row_opens_the_row(salon, owner, model):
    answer = owner.get(salon.url(f"admin/{model}/"))

    assert answer["Location"] == salon.url(f"admin/{model}/1/change/")
    assert owner.get(salon.url(f"admin/{model}/add/")).status_code == 403
    assert owner.post(salon.url(f"admin/{model}/1/delete/"), {"post": "yes"}).status_code == 403


def test_settings_are_made_with_the_businesss_name_where_nobody_set_them(salon, owner):
    BusinessSettings.objects.all().delete()

    page(owner.get(salon.url("admin/business/businesssettings/"), follow=True))

    assert BusinessSettings.load().public_name == "Весна"


def test_score_threshold_is_saved_and_the_wrong_order_refused(salon, save, owner):
    owner.get(salon.url("admin/routing/scorepolicy/"))
    url = salon.url("admin/routing/scorepolicy/1/change/")

    save(url, hot_from="75")
    assert ScorePolicy.load().hot_from == 75
    assert "Порог тёплой заявки должен быть ниже" in page(save(url, warm_from="90"))


# --- Branches and shifts ---


def test_hours_and_special_days_are_rows_of_the_branch(salon, save):
    url = salon.url(f"admin/business/branch/{salon.branch.pk}/change/")

    answer = save(
        url,
        **{
            "exceptions-TOTAL_FORMS": "1",
            "exceptions-0-date": "31.12.2026",
            "exceptions-0-start": "10:00",
            "exceptions-0-end": "15:00",
            "exceptions-0-note": "Канун",
            "districts": "Центр\nДёма",
        },
    )

    assert answer.status_code == 302
    day = date(2026, 12, 31)
    assert load_calendars()[salon.branch.pk].hours(day) == ((time(10), time(15)),)
    salon.branch.refresh_from_db()
    assert salon.branch.districts == ["Центр", "Дёма"]


def test_hours_that_end_before_they_begin_are_refused(salon, save):
    url = salon.url(f"admin/business/branch/{salon.branch.pk}/change/")

    answer = save(url, **{"hours-0-start": "18:00", "hours-0-end": "09:00"})

    assert "Начало должно быть раньше конца" in page(answer)


def work_days(person, first, number):
    rota = load_rotas([person])[person.pk]
    days = [first + shifts.DAY * n for n in range(number)]
    return [bool(rota.work(day, load_calendars())) for day in days]


def test_weekly_shifts_are_filled_in_one_go(salon, save):
    answer = save(
        salon.url(f"admin/business/staffmember/{salon.olga.pk}/fill_shifts/"),
        kind="weekly",
        weekdays=["0", "2"],
        start="10:00",
        end="19:00",
        break_start="14:00",
        break_end="15:00",
    )

    assert answer.status_code == 302
    assert work_days(salon.olga, date(2026, 11, 23), 7) == [True, False, True, False, False, False, False]
    stretches = load_rotas([salon.olga])[salon.olga.pk].work(date(2026, 11, 25), load_calendars())
    assert len(stretches) == 2  # the break parts them
    assert "Заполнены смены: 2" in LogEntry.objects.latest("pk").get_change_message()


def test_two_on_two_off_is_filled_in_one_go(salon, save):
    save(
        salon.url(f"admin/business/staffmember/{salon.olga.pk}/fill_shifts/"),
        kind="alternating",
        first_day="25.11.2026",
        days_on="2",
        days_off="2",
    )

    assert work_days(salon.olga, date(2026, 11, 25), 6) == [True, True, False, False, True, True]


def test_shift_form_explains_what_it_lacks_and_changes_nothing(salon, save):
    before = list(Shift.objects.values_list("pk", flat=True))

    answer = save(
        salon.url(f"admin/business/staffmember/{salon.olga.pk}/fill_shifts/"),
        kind="alternating",
        first_day="",
        start="20:00",
        end="09:00",
        break_start="14:00",
    )

    errors = answer.context["form"].errors
    assert errors.keys() == {"first_day", "end", "break_end"}
    assert list(Shift.objects.values_list("pk", flat=True)) == before


def test_shift_row_is_a_day_of_the_week_or_a_day_that_comes_again(salon, save, owner):
    Shift.objects.filter(staff=salon.olga).exclude(offset_day=0).delete()
    url = salon.url(f"admin/business/staffmember/{salon.olga.pk}/change/")

    save(url, **{"shifts-0-day": "4"})
    assert work_days(salon.olga, date(2026, 11, 23), 7) == [False] * 4 + [True, False, False]

    assert "Укажите любой рабочий день" in page(save(url, **{"shifts-0-day": ""}))
    save(url, **{"shifts-0-day": "", "shifts-0-anchor_date": "24.11.2026", "shifts-0-cycle_days": "3"})
    assert work_days(salon.olga, date(2026, 11, 23), 7) == [False, True, False, False, True, False, False]

    save(url)  # shown and saved again, it stays what it was
    assert work_days(salon.olga, date(2026, 11, 23), 7) == [False, True, False, False, True, False, False]


def test_login_of_a_staff_member_is_chosen_among_people_of_this_business(salon, owner):
    html = page(owner.get(salon.url(f"admin/business/staffmember/{salon.olga.pk}/change/")))
    form = owner.get(salon.url(f"admin/business/staffmember/{salon.olga.pk}/change/")).context["adminform"].form

    offered = set(form.fields["user"].queryset.values_list("email", flat=True))
    assert offered == {f"{who}@vesna.test" for who in ("anna", "boris", "svetlana", "viktor", "mila")}
    assert "sosed.test" not in html


def test_share_of_leads_and_languages_are_set_by_the_owner(salon, save):
    url = salon.url(f"admin/business/staffmember/{salon.olga.pk}/change/")
    save(url, lead_weight="3", languages=["tt", "en"])
    assert (salon.olga.lead_weight, salon.olga.languages) == (3, ["tt", "en"])
    save(url, lead_weight="11", languages=["tt"])
    save(url, lead_weight="3", languages=["xx"])
    assert (salon.olga.lead_weight, salon.olga.languages) == (3, ["tt", "en"])  # neither is possible
    save(salon.url(f"admin/business/staffmember/{salon.anna.pk}/change/"))
    assert salon.anna.languages == []


# --- The matrix ---


def matrix_post(**changes):
    told = {f"{stage}-{role}": letter for stage, row in MATRIX.items() for role, letter in row.items()}
    return {**told, **changes}


def test_matrix_with_two_accountable_is_refused_whole(salon, owner):
    url = salon.url("admin/business/matrixcell/")

    html = page(owner.post(url, matrix_post(**{"booking-owner": "A", "complaint-marketing": "I"})))

    assert "должен быть ровно один A" in html
    assert load_matrix()["complaint"] == MATRIX["complaint"]


def test_matrix_row_without_a_doer_is_refused(salon, owner):
    html = page(owner.post(salon.url("admin/business/matrixcell/"), matrix_post(**{"nurture-marketing": ""})))

    assert "должен быть хотя бы один R" in html


def test_matrix_is_saved_and_the_change_is_in_the_journal(salon, owner):
    answer = owner.post(
        salon.url("admin/business/matrixcell/"), matrix_post(**{"booking-senior": "I", "booking-owner": "A"})
    )

    assert answer.status_code == 302
    assert load_matrix()["booking"]["owner"] == "A"
    line = LogEntry.objects.latest("pk")
    assert line.user.email == "viktor@vesna.test"
    assert "Запись, старший: A → I" in line.change_message
    assert "Запись, старший" in page(owner.get(salon.url("admin/admin/logentry/")))


def test_matrix_of_an_earlier_version_is_looked_at_and_brought_back(salon, owner, neighbour):
    url = salon.url("admin/business/matrixcell/")
    owner.post(url, matrix_post(**{"booking-senior": "I", "booking-owner": "A", "note": "Отпуск Светланы"}))

    html = page(owner.get(url))
    assert "Отпуск Светланы" in html
    assert "Запись, владелец: — → A" in html
    assert "действует версия 2" in page(owner.get(url + "?version=1"))
    assert owner.post(url, {"restore": "1"}).status_code == 302
    assert load_matrix() == MATRIX
    assert versions.latest("matrix").note == "Как в версии 1"
    for wrong in ("9", "x", ""):
        assert owner.get(f"{url}?version={wrong}").status_code == 404
        assert owner.post(url, {"restore": wrong}).status_code == 404
    with neighbour.inside():
        assert versions.latest("matrix") is None
    assert owner.post(neighbour.url("admin/business/matrixcell/"), {"restore": "1"}).status_code == 404


def test_matrix_saved_by_another_meanwhile_is_not_overwritten_unseen(salon, owner):
    url = salon.url("admin/business/matrixcell/")
    owner.post(url, matrix_post(**{"booking-owner": "I", "seen": "0"}))

    html = page(owner.post(url, matrix_post(**{"booking-owner": "C", "seen": "0"})))

    assert "сохранили ещё раз (версия 2)" in html
    assert load_matrix()["booking"]["owner"] == "I"


def test_matrix_shows_who_people_are_and_what_is_not_filled_in(salon, owner):
    MatrixCell.objects.filter(stage="nurture").delete()
    html = page(owner.get(salon.url("admin/business/matrixcell/")))
    assert "этап не заполнен: нужны A и хотя бы один R" in html
    assert "Светлана" in html
    assert "C — менеджер, но таких сотрудников нет" in html


def test_matrix_is_printed_with_names_date_and_version(salon, owner, neighbour):
    owner.post(salon.url("admin/business/matrixcell/"), matrix_post(**{"booking-owner": "I"}))
    html = page(owner.get(salon.url("admin/business/matrixcell/print/")))
    assert "Версия 2 от 25 ноября 2026, 12:00" in html
    assert "Анна, Борис" in html
    assert page(owner.get(salon.url("admin/business/matrixcell/print/?version=1"))).count("letter--I") == 3
    assert owner.get(neighbour.url("admin/business/matrixcell/print/")).status_code == 404


def test_matrix_is_for_those_who_edit_the_business(salon):
    for path in ("admin/business/matrixcell/", "admin/business/matrixcell/print/"):
        for who in ("anna", "mila"):
            assert salon.browser(who).get(salon.url(path)).status_code == 403
        assert salon.browser("svetlana").get(salon.url(path)).status_code == 200


# --- Texts ---


def test_every_text_is_on_the_page_with_its_default(salon, owner):
    from tenants.business import texts

    html = page(owner.get(salon.url("admin/business/messagetemplate/")))

    for entry in texts.catalogue().values():
        assert f"messagetemplate/{entry.key}/" in html
        page(owner.get(salon.url(f"admin/business/messagetemplate/{entry.key}/")))


def test_own_text_is_what_the_assistant_says(salon, save):
    save(salon.url("admin/business/messagetemplate/greeting/"), text_0="Привет! Вы написали в {business}.", text_1="")

    assert Wording().say("greeting", {"business": "Весна"}) == "Привет! Вы написали в Весна."
    assert list(MessageTemplate.objects.values_list("position", flat=True)) == [0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Привет от {busines}!", "Подстановка {busines} здесь неизвестна"),
        ("Привет!", "Не хватает подстановки {business}"),
        ("Привет от {business!", "Фигурная скобка без пары"),
        ("", "Текст не может быть пустым"),
    ],
)
def test_text_with_a_wrong_placeholder_is_refused_with_the_reason(salon, save, text, reason):
    answer = save(salon.url("admin/business/messagetemplate/greeting/"), text_0=text, text_1="")

    assert reason in page(answer)
    assert not MessageTemplate.objects.exists()


def test_own_text_can_be_given_up_for_the_default(salon, save):
    MessageTemplate.objects.create(key="greeting", text="Алло, {business}!")

    save(salon.url("admin/business/messagetemplate/greeting/"), reset="1")

    assert not MessageTemplate.objects.exists()


def test_text_that_equals_the_default_is_not_kept_as_own(salon, save):
    save(salon.url("admin/business/messagetemplate/greeting/"))

    assert not MessageTemplate.objects.exists()


def test_markup_in_a_text_is_shown_as_text(salon, save, owner):
    save(salon.url("admin/business/messagetemplate/greeting/"), text_0="<script>x</script> {business}", text_1="")

    assert "<script>x</script>" not in page(owner.get(salon.url("admin/business/messagetemplate/")))


# --- The rest ---


def test_promotion_that_ends_before_it_starts_is_refused(salon, save):
    url = salon.url("admin/assistant/promotion/add/")

    answer = save(url, title="Скидка 20%", starts_on="10.12.2026", ends_on="01.12.2026")
    assert "Конец акции раньше начала" in page(answer)
    save(url, title="Скидка 20%", code="ЗИМА", starts_on="01.12.2026", ends_on="10.12.2026")
    assert Promotion.objects.get().code == "ЗИМА"


def test_ad_spend_is_entered_in_roubles(salon, save):
    save(
        salon.url("admin/routing/adspend/add/"), day="24.11.2026", source="yandex", campaign="", amount_kopecks="2 500"
    )

    assert AdSpend.objects.get().amount_kopecks == 250_000


def test_client_is_renamed_and_marked_and_no_more(salon, save, owner):
    contact = salon.receives("telegram", "Здравствуйте, хочу на маникюр").contact
    url = salon.url(f"admin/contacts/contact/{contact.pk}/change/")

    assert save(url, name="Ирина", is_vip="on", note="Любит тишину", phone="+70000000000").status_code == 302

    contact.refresh_from_db()
    assert (contact.name, contact.is_vip, contact.note) == ("Ирина", True, "Любит тишину")
    assert contact.phone is None
    assert owner.get(salon.url("admin/contacts/contact/add/")).status_code == 403
    assert owner.post(salon.url(f"admin/contacts/contact/{contact.pk}/delete/"), {"post": "yes"}).status_code == 403


def test_appointments_are_only_looked_at(salon, owner):
    assert owner.get(salon.url("admin/booking/appointment/add/")).status_code == 403


def test_first_page_says_what_is_still_to_be_set_up(salon, owner):
    html = page(owner.get(salon.url("admin/")))
    assert "политику обработки" in html
    assert "Нет смен" not in html

    Shift.objects.filter(staff=salon.olga).delete()
    assert "Нет смен, поэтому нельзя записать: Ольга." in page(owner.get(salon.url("admin/")))


def test_times_are_those_of_the_branch(salon, owner):
    """The journal's 12:00 in Ufa is 7:00 UTC."""
    owner.post(salon.url("admin/business/matrixcell/"), matrix_post())
    LogEntry.objects.update(action_time=salon.clock.now())

    html = page(owner.get(salon.url("admin/admin/logentry/")))

    assert "12:00" in html
    assert "07:00" not in html


def test_form_posts_back_what_it_shows(salon, owner):
    """Guards the tests above: a post of an untouched page is no change."""
    opened = owner.get(salon.url(f"admin/business/staffmember/{salon.olga.pk}/change/"))

    assert filled(opened)["shifts-0-start"] == "09:00"
