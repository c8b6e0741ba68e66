"""The portal over its raw REST: rights, limits, errors, envelope, filters."""

from __future__ import annotations

import ssl
import time
from datetime import datetime

import httpx
import pytest

from sandbox.bitrix24 import Operating
from sandbox.params import nested, php_map
from sandbox.portal_fields import phone_key, user_field_name

LEAD, DEAL, CONTACT = 1, 2, 3
PHONE = [{"typeId": "PHONE", "valueType": "MOBILE", "value": "+79000000501"}]


@pytest.fixture(scope="session")
def https(sandbox_process):
    context = ssl.create_default_context(cafile=sandbox_process.ca_file)
    with httpx.Client(verify=context, trust_env=False, timeout=20) as client:
        yield client


class Portal:
    def __init__(self, sandbox, https, access="1/sandbox") -> None:
        self.sandbox, self.https, self.access = sandbox, https, access

    def raw(self, method: str, body=None, **more) -> httpx.Response:
        url = f"https://{self.sandbox.tls_domain}/rest/{self.access}/{method}"
        return self.https.post(url, json=body or {}, **more)

    def __call__(self, method: str, **body):
        answer = self.raw(method, body)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def add(self, entity=LEAD, **fields) -> dict:
        return self("crm.item.add", entityTypeId=entity, fields=fields)["item"]

    def ids(self, entity=LEAD, **query) -> list[int]:
        return [item["id"] for item in self("crm.item.list", entityTypeId=entity, **query)["items"]]


@pytest.fixture
def portal(sandbox, https) -> Portal:
    sandbox.post("bitrix24/portal", portal="main")
    return Portal(sandbox, https)


def refused(answer: httpx.Response, status: int, code: str) -> str:
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    return answer.json()["error_description"]


# Who may enter


def test_a_wrong_code_is_401_no_auth_found(sandbox, https):
    refused(Portal(sandbox, https, "1/wrongcode").raw("user.current"), 401, "NO_AUTH_FOUND")


def test_no_token_is_401_no_auth_found(sandbox, https):
    refused(https.post(f"https://{sandbox.tls_domain}/rest/user.current"), 401, "NO_AUTH_FOUND")


def test_an_expired_webhook_is_401(sandbox, https):
    sandbox.post("bitrix24/webhooks", code="old", expires_at=1)
    refused(Portal(sandbox, https, "1/old").raw("user.current"), 401, "NO_AUTH_FOUND")


def test_another_persons_code_is_403_invalid_credentials(sandbox, https):
    sandbox.post("bitrix24/webhooks", code="annas", user_id=2)
    refused(Portal(sandbox, https, "1/annas").raw("user.current"), 403, "INVALID_CREDENTIALS")
    assert Portal(sandbox, https, "2/annas")("user.current")["ID"] == "2"


def test_a_scope_not_granted_is_403_insufficient_scope(sandbox, https):
    sandbox.post("bitrix24/webhooks", code="crmonly", scope=["crm"])
    narrow = Portal(sandbox, https, "1/crmonly")
    refused(narrow.raw("tasks.task.add", {"fields": {}}), 403, "insufficient_scope")
    narrow.add(title="Можно")


def test_a_dismissed_user_is_403_user_access_error(sandbox, portal):
    users = sandbox.get("bitrix24/portal")["users"]
    users[0]["ACTIVE"] = False
    sandbox.post("bitrix24/portal", users=users)
    refused(portal.raw("user.current"), 403, "user_access_error")


def test_an_extranet_user_is_403_allowed_only_intranet_user(sandbox, portal):
    users = sandbox.get("bitrix24/portal")["users"]
    users[0]["USER_TYPE"] = "extranet"
    sandbox.post("bitrix24/portal", users=users)
    refused(portal.raw("user.current"), 403, "allowed_only_intranet_user")


@pytest.mark.parametrize("method", ["event.bind", "placement.bind", "telephony.externalCall.register"])
def test_app_only_methods_are_refused_to_a_webhook(portal, method):
    refused(portal.raw(method), 403, "WRONG_AUTH_TYPE")


def test_plain_http_is_400_invalid_request(sandbox):
    answer = httpx.post(f"{sandbox.url}/rest/1/sandbox/user.current", trust_env=False)
    refused(answer, 400, "INVALID_REQUEST")


def test_a_free_plan_is_403_access_denied(sandbox, portal):
    sandbox.post("bitrix24/portal", plan="free")
    assert "commercial" in refused(portal.raw("user.current"), 403, "ACCESS_DENIED")


def test_a_deleted_portal(sandbox, portal):
    sandbox.post("bitrix24/portal", deleted=True)
    refused(portal.raw("user.current"), 500, "PORTAL_DELETED")


def test_a_moved_portal_answers_302_with_the_new_host(sandbox, portal):
    sandbox.post("bitrix24/portal", moved_to="new.example:444")
    answer = portal.raw("crm.item.add", {"entityTypeId": 1, "fields": {}}, follow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"] == "https://new.example:444/rest/1/sandbox/crm.item.add"


def test_two_portals_see_nothing_of_each_other(sandbox, https, portal):
    portal.add(title="Наш")
    other = Portal(sandbox, https, "1/sandboxother")
    assert other.ids() == []
    assert sandbox.entities("other")["lead"] == []
    assert [lead["title"] for lead in sandbox.entities("main")["lead"]] == ["Наш"]


# Limits


def test_the_bucket_blocks_above_fifty_503_query_limit_exceeded(sandbox, portal):
    sandbox.settings(bitrix24_leak_per_second=0.001)
    codes = [portal.raw("user.current").status_code for _ in range(52)]
    assert codes == [200] * 50 + [503] * 2
    refused(portal.raw("user.current"), 503, "QUERY_LIMIT_EXCEEDED")
    [bucket] = sandbox.get("bitrix24/bucket")["buckets"]
    assert 49 < bucket["level"] <= 50


def test_the_bucket_is_counted_by_portal(sandbox, https, portal):
    sandbox.settings(bitrix24_leak_per_second=0.001)
    sandbox.post("bitrix24/bucket", portal="main", level=50)
    assert portal.raw("user.current").status_code == 503
    assert Portal(sandbox, https, "1/sandboxother").raw("user.current").status_code == 200


def test_a_batch_costs_one_request(sandbox, portal):
    sandbox.settings(bitrix24_leak_per_second=0.001)
    portal("batch", cmd={f"c{number}": "user.current" for number in range(50)})
    [bucket] = sandbox.get("bitrix24/bucket")["buckets"]
    assert bucket["level"] <= 1


def test_operating_time_429_stops_one_method_of_one_webhook(sandbox, https, portal):
    sandbox.post("bitrix24/bucket", code="sandbox", method="crm.item.add", operating=480)
    body = {"entityTypeId": LEAD, "fields": {"title": "Лид"}}
    refused(portal.raw("crm.item.add", body), 429, "OPERATION_TIME_LIMIT")
    assert portal.ids() == []
    sandbox.post("bitrix24/webhooks", code="another")
    assert Portal(sandbox, https, "1/another").raw("crm.item.add", body).status_code == 200


def test_operating_time_leaves_after_ten_minutes():
    used = Operating()
    used.charge(300, now=6000)
    used.charge(180, now=6060)
    assert used.total(6599) == 480
    assert used.reset_at(6599) == 6600
    assert used.total(6600) == 180


def test_a_batch_charges_each_inner_method(sandbox, portal):
    sandbox.settings(bitrix24_operating_seconds=2)
    portal("batch", cmd={"a": "user.current", "b": "user.current", "c": "crm.status.list"})
    used = {row["method"]: row["operating"] for row in sandbox.get("bitrix24/bucket")["operating"]}
    assert used == {"user.current": 4, "crm.status.list": 2}


def test_a_manual_block_is_503_overload_limit(sandbox, portal):
    sandbox.post("bitrix24/portal", overloaded=True)
    refused(portal.raw("user.current"), 503, "OVERLOAD_LIMIT")


def test_limits_can_be_switched_off(sandbox, portal):
    sandbox.settings(bitrix24_limits=False)
    sandbox.post("bitrix24/bucket", level=50)
    assert portal.raw("user.current").status_code == 200


def test_internal_errors_come_by_order(sandbox, portal):
    body = {"error": "ERROR_UNEXPECTED_ANSWER", "error_description": "Server returned an unexpected response."}
    sandbox.faults("bitrix24", "status", times=1)
    sandbox.faults("bitrix24", "status", times=1, status=500, body=body)
    refused(portal.raw("user.current"), 500, "INTERNAL_SERVER_ERROR")
    refused(portal.raw("user.current"), 500, "ERROR_UNEXPECTED_ANSWER")
    assert portal.raw("user.current").status_code == 200


# The envelope


def test_every_answer_tells_its_time(portal):
    took = portal.raw("user.current").json()["time"]
    assert took["start"] <= took["finish"]
    assert took["operating"] > 0
    assert took["operating_reset_at"] > time.time()
    assert datetime.fromisoformat(took["date_start"]).utcoffset() is not None


@pytest.mark.parametrize("method", ["crm.item.Add", "CRM.ITEM.ADD", "crm.item.add.json", "crm.item.Add.json"])
def test_method_names_ignore_case_and_suffix(portal, method):
    assert portal(method, entityTypeId=LEAD, fields={"title": "Лид"})["item"]["title"] == "Лид"


def test_an_unknown_method_is_404(portal):
    refused(portal.raw("crm.item.invent"), 404, "ERROR_METHOD_NOT_FOUND")


def test_forms_and_queries_are_read_like_json(sandbox, https):
    url = f"https://{sandbox.tls_domain}/rest/1/sandbox/crm.item.add"
    form = {
        "entityTypeId": "1",
        "fields[title]": "Форма",
        "fields[fm][0][typeId]": "PHONE",
        "fields[fm][0][value]": "8",
    }
    assert https.post(url, data=form).json()["result"]["item"]["fm"][0]["value"] == "8"
    assert https.get(url, params={"entityTypeId": 1, "fields[title]": "Запрос"}).json()["result"]["item"]["id"] == 2


def test_a_broken_body_is_400(sandbox, https):
    url = f"https://{sandbox.tls_domain}/rest/1/sandbox/crm.item.add"
    refused(https.post(url, content=b"{", headers={"Content-Type": "application/json"}), 400, "INVALID_REQUEST")


# crm.item.*


def test_an_item_comes_back_whole_and_unknown_fields_are_silently_ignored(portal):
    item = portal.add(
        title="Стрижка", name="Анна", fm=PHONE, utmSource="vk", opportunity="1500", originatorId="leadhub",
        originId="t1-7", noSuchField="x", UF_CRM_NONE="y",
    )  # fmt: skip
    assert (item["id"], item["stageId"], item["sourceId"], item["opportunity"]) == (1, "NEW", "", 1500)
    assert item["fm"] == [{"id": 1, "typeId": "PHONE", "valueType": "MOBILE", "value": "+79000000501"}]
    assert (item["hasPhone"], item["utmSource"], item["originId"]) == ("Y", "vk", "t1-7")
    assert not {"noSuchField", "UF_CRM_NONE", "ufCrmNone"} & set(item)
    assert portal("crm.item.get", entityTypeId=LEAD, id=1)["item"] == item


def test_no_idempotency_the_same_add_twice_is_two_items(portal):
    assert [portal.add(originId="7")["id"], portal.add(originId="7")["id"]] == [1, 2]
    assert portal.ids(filter={"originId": "7"}) == [1, 2]


def test_update_changes_only_what_was_sent_and_delete_removes(portal):
    portal.add(title="Лид", utmSource="vk")
    changed = portal("crm.item.update", entityTypeId=LEAD, id=1, fields={"stageId": "IN_PROCESS"})["item"]
    assert (changed["title"], changed["stageId"], changed["previousStageId"]) == ("Лид", "IN_PROCESS", "NEW")
    assert portal("crm.item.delete", entityTypeId=LEAD, id=1) == []
    refused(portal.raw("crm.item.get", {"entityTypeId": LEAD, "id": 1}), 400, "NOT_FOUND")


def test_a_phone_without_its_id_is_added_with_its_id_changed(portal):
    portal.add(CONTACT, name="Анна", fm=PHONE)
    more = [{"typeId": "EMAIL", "value": "a@b.ru"}, {"id": 1, "typeId": "PHONE", "value": "+79000000777"}]
    item = portal("crm.item.update", entityTypeId=CONTACT, id=1, fields={"fm": more})["item"]
    assert [(value["id"], value["value"]) for value in item["fm"]] == [(1, "+79000000777"), (2, "a@b.ru")]


@pytest.mark.parametrize("body", [{}, {"entityTypeId": 1}, {"fields": {}}])
def test_a_missing_parameter_is_400_code_100(portal, body):
    refused(portal.raw("crm.item.add", body), 400, "100")


def test_a_bad_entity_type_is_400_not_found(portal):
    refused(portal.raw("crm.item.list", {"entityTypeId": 999}), 400, "NOT_FOUND")


@pytest.mark.parametrize("fields", [{"opportunity": "дорого"}, {"contactId": "Анна"}, {"stageId": "NO_SUCH"}])
def test_a_wrong_value_is_400_crm_field_error(portal, fields):
    answer = portal.raw("crm.item.add", {"entityTypeId": DEAL, "fields": fields})
    refused(answer, 400, "CRM_FIELD_ERROR_VALUE_NOT_VALID")
    assert portal.ids(DEAL) == []


@pytest.mark.parametrize("query", [{"filter": {"noSuch": 1}}, {"order": {"noSuch": "ASC"}}])
def test_an_unknown_field_in_a_filter_is_400_invalid_arg_value(portal, query):
    refused(portal.raw("crm.item.list", {"entityTypeId": LEAD, **query}), 400, "INVALID_ARG_VALUE")


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({"title": "стрижка"}, [1]),
        ({"=title": "Стрижка"}, [1]),
        ({"%title": "ст"}, [1]),
        ({"!%title": "ст"}, [2, 3]),
        ({"!title": "Маникюр"}, [1, 3]),
        ({"!=title": "Маникюр"}, [1, 3]),
        ({"@id": [1, 3]}, [1, 3]),
        ({"!@id": [1, 3]}, [2]),
        ({"id": [2, 3]}, [2, 3]),
        ({">id": 1}, [2, 3]),
        ({">=opportunity": 900, "<opportunity": 2000}, [1, 2]),
        ({"<=opportunity": "900"}, [2, 3]),
        ({"originatorId": "leadhub", "originId": "2"}, [2]),
        ({">updatedTime": "2001-01-01T00:00:00+03:00"}, [1, 2, 3]),
        ({">updatedTime": "2999-01-01T00:00:00+03:00"}, []),
        ({"0": {"logic": "OR", "0": {"id": 1}, "1": {"title": "Маникюр"}}}, [1, 2]),
        ({"contactId": None}, [1, 2, 3]),
        ({"contactIds": 5}, []),
    ],
)
def test_filters(portal, conditions, found):
    portal.add(title="Стрижка", opportunity=1500, originatorId="leadhub", originId="1")
    portal.add(title="Маникюр", opportunity=900, originatorId="leadhub", originId="2")
    portal.add(title="Прочее")
    assert portal.ids(filter=conditions) == found


def test_lists_are_ordered_and_select(portal):
    for amount in (10, 9, 100):
        portal.add(fm=PHONE, opportunity=amount)
    assert portal.ids(order={"opportunity": "DESC"}) == [3, 1, 2]
    assert portal.ids(order={"ID": "DESC"}) == [3, 2, 1]
    listed = portal("crm.item.list", entityTypeId=LEAD, select=["title"])["items"]
    assert listed[0] == {"id": 1, "title": "Лид #1"}
    assert "fm" not in portal("crm.item.list", entityTypeId=LEAD)["items"][0]
    assert portal("crm.item.list", entityTypeId=LEAD, select=["*"])["items"][0]["fm"][0]["value"] == "+79000000501"


def test_pages_of_fifty_and_start_minus_one_counts_nothing(portal):
    commands = {f"c{number}": "crm.item.add?entityTypeId=1&fields[title]=x" for number in range(50)}
    portal("batch", cmd=commands)
    for _ in range(3):
        portal.add()
    pages = [portal.raw("crm.item.list", {"entityTypeId": LEAD, "start": start}).json() for start in (0, 50, -1)]
    assert [(len(page["result"]["items"]), page.get("total"), page.get("next")) for page in pages] == [
        (50, 53, 50),
        (3, 53, None),
        (50, None, None),
    ]


def test_own_fields_exist_only_after_they_were_made(portal):
    name = {"USER_TYPE_ID": "string", "FIELD_NAME": "LEADHUB_SCORE"}
    assert "ufCrmLeadhubScore" not in portal.add(ufCrmLeadhubScore="86")
    assert portal("crm.lead.userfield.add", fields=name) == 1
    assert portal.add(ufCrmLeadhubScore="86")["ufCrmLeadhubScore"] == "86"
    original = {"entityTypeId": LEAD, "fields": {"UF_CRM_LEADHUB_SCORE": "7"}, "useOriginalUfNames": "Y"}
    assert portal("crm.item.add", **original)["item"]["UF_CRM_LEADHUB_SCORE"] == "7"
    assert portal("crm.item.fields", entityTypeId=LEAD)["fields"]["ufCrmLeadhubScore"]["isDynamic"]
    refused(portal.raw("crm.lead.userfield.add", {"fields": name}), 400, "")


@pytest.mark.parametrize("name", ["плохо", "A-B", "X" * 44])
def test_a_bad_own_field_name_is_refused(portal, name):
    fields = {"USER_TYPE_ID": "string", "FIELD_NAME": name}
    refused(portal.raw("crm.lead.userfield.add", {"fields": fields}), 400, "")


def test_own_fields_are_for_crm_admins(sandbox, https, portal):
    fields = {"USER_TYPE_ID": "string", "FIELD_NAME": "SCORE"}
    answer = Portal(sandbox, https, "2/sandbox").raw("crm.lead.userfield.add", {"fields": fields})
    assert refused(answer, 400, "") == "Access denied."


def test_simple_mode_has_no_leads(sandbox, portal):
    assert portal("crm.settings.mode.get") == 1
    sandbox.post("bitrix24/portal", mode=2)
    assert portal("crm.settings.mode.get") == 2
    refused(portal.raw("crm.item.add", {"entityTypeId": LEAD, "fields": {}}), 403, "ACCESS_DENIED")
    portal.add(DEAL, title="Можно")


def test_a_second_pipeline_has_its_own_stages(portal):
    portal("crm.category.add", entityTypeId=DEAL, fields={"name": "Абонементы"})
    assert [one["name"] for one in portal("crm.category.list", entityTypeId=DEAL)["categories"]] == [
        "Общая",
        "Абонементы",
    ]
    assert portal.add(DEAL, categoryId=1)["stageId"] == "C1:NEW"
    stages = portal("crm.status.list", filter={"ENTITY_ID": "DEAL_STAGE_1"})
    assert "C1:WON" in [stage["STATUS_ID"] for stage in stages]
    wrong = {"entityTypeId": DEAL, "fields": {"categoryId": 1, "stageId": "NEW"}}
    refused(portal.raw("crm.item.add", wrong), 400, "CRM_FIELD_ERROR_VALUE_NOT_VALID")


# The old methods


def test_old_methods_speak_upper_case_and_text(portal):
    phone = [{"VALUE": "+79000000501", "VALUE_TYPE": "MOBILE"}]
    fields = {"TITLE": "Старый", "PHONE": phone, "STATUS_ID": "IN_PROCESS", "UTM_SOURCE": "vk", "OPPORTUNITY": 10}
    assert portal("crm.lead.add", fields=fields, params={"REGISTER_SONET_EVENT": "Y"}) == 1
    assert portal("crm.lead.update", id=1, fields={"ASSIGNED_BY_ID": 2}) is True
    [line] = portal("crm.lead.list", select=["*"], filter={"ASSIGNED_BY_ID": 2, ">ID": 0})
    assert (line["ID"], line["STATUS_ID"], line["OPPORTUNITY"], line["UTM_SOURCE"]) == ("1", "IN_PROCESS", "10", "vk")
    assert "PHONE" not in line
    [line] = portal("crm.lead.list", select=["ID", "PHONE"], filter={"PHONE": "+79000000501"})
    assert line["PHONE"][0]["VALUE"] == "+79000000501"
    assert portal("crm.item.get", entityTypeId=LEAD, id=1)["item"]["assignedById"] == 2


def test_old_deals_and_contacts(portal):
    assert portal("crm.contact.add", fields={"NAME": "Анна"}) == 1
    assert portal("crm.deal.add", fields={"TITLE": "Визит", "CONTACT_ID": 1, "STAGE_ID": "WON"}) == 1
    deal = portal("crm.item.get", entityTypeId=DEAL, id=1)["item"]
    assert (deal["contactIds"], deal["stageSemanticId"], deal["closed"]) == ([1], "S", "Y")


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("crm.lead.update", {"id": 7, "fields": {}}, "Not found"),
        ("crm.lead.get", {"id": "x"}, "ID is not defined or invalid."),
        ("crm.deal.add", {}, "Parameter 'fields' must be array."),
    ],
)
def test_old_methods_have_errors_without_a_code(portal, method, body, words):
    assert refused(portal.raw(method, body), 400, "") == words


# Duplicates, comments, tasks, notices


def test_duplicates_are_found_by_phone_however_written(portal):
    portal.add(fm=[{"typeId": "PHONE", "value": "8 (900) 000-05-01 доб. 12"}])
    portal.add(CONTACT, fm=PHONE)
    values = ["+7 900 000-05-01"]
    assert portal("crm.duplicate.findbycomm", type="PHONE", values=values) == {"LEAD": [1], "CONTACT": [1]}
    only = portal("crm.duplicate.findbycomm", type="PHONE", values=values, entity_type="CONTACT")
    assert only == {"CONTACT": [1]}
    assert portal("crm.duplicate.findbycomm", type="PHONE", values=["+79990000000"]) == []


def test_only_twenty_values_count_and_twenty_leads_hide_the_contacts(portal):
    portal.add(CONTACT, fm=PHONE)
    values = [f"+7999000{number:04}" for number in range(20)]
    assert portal("crm.duplicate.findbycomm", type="PHONE", values=[*values, "+79000000501"]) == []
    lead = "crm.item.add?entityTypeId=1&fields[fm][0][typeId]=PHONE&fields[fm][0][value]=%2B79000000501"
    portal("batch", cmd={f"c{number}": lead for number in range(21)})
    found = portal("crm.duplicate.findbycomm", type="PHONE", values=["+79000000501"])
    assert found == {"LEAD": list(range(1, 21))}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"FIELDS": {"ENTITY_ID": 1, "ENTITY_TYPE": "lead", "COMMENT": "x"}}, 400, "100"),
        ({"fields": {"ENTITY_ID": 9, "ENTITY_TYPE": "lead", "COMMENT": "x"}}, 400, ""),
        ({"fields": {"ENTITY_ID": 1, "ENTITY_TYPE": "lead", "COMMENT": " "}}, 400, ""),
    ],
)
def test_a_comment_needs_lower_case_fields_an_entity_and_words(portal, body, status, code):
    portal.add()
    refused(portal.raw("crm.timeline.comment.add", body), status, code)


def test_a_comment_hangs_on_its_card(sandbox, portal):
    portal.add()
    fields = {"ENTITY_ID": 1, "ENTITY_TYPE": "lead", "COMMENT": "Клиент: здравствуйте"}
    assert portal("crm.timeline.comment.add", fields=fields) == 1
    [comment] = sandbox.entities()["comment"]
    assert (comment["ENTITY_TYPE"], comment["ENTITY_ID"], comment["COMMENT"]) == ("lead", 1, "Клиент: здравствуйте")


def test_a_todo_needs_an_owner_and_a_deadline(sandbox, portal):
    portal.add()
    todo = {"ownerTypeId": LEAD, "ownerId": 1, "deadline": "2026-08-21T10:00:00+05:00", "title": "Перезвонить"}
    assert portal("crm.activity.todo.add", **todo) == {"id": 1}
    assert sandbox.entities()["activity"][0]["title"] == "Перезвонить"
    refused(portal.raw("crm.activity.todo.add", {**todo, "deadline": ""}), 400, "100")
    refused(portal.raw("crm.activity.todo.add", {**todo, "ownerId": 9}), 400, "NOT_FOUND")


def test_tasks_come_back_as_text_in_camel_case(portal):
    fields = {
        "TITLE": "Перезвонить",
        "RESPONSIBLE_ID": 2,
        "UF_CRM_TASK": ["L_1"],
        "DEADLINE": "2026-08-21T10:00:00+05:00",
    }
    task = portal("tasks.task.add", fields=fields)["task"]
    assert (task["id"], task["title"], task["responsibleId"], task["ufCrmTask"]) == ("1", "Перезвонить", "2", ["L_1"])
    changed = portal("tasks.task.update", taskId=1, fields={"STATUS": 5})["task"]
    assert changed["status"] == "5"
    assert portal("tasks.task.get", taskId=1)["task"] == changed


@pytest.mark.parametrize("fields", [{"TITLE": "x"}, {"RESPONSIBLE_ID": 1}, {"TITLE": "x", "RESPONSIBLE_ID": 99}])
def test_a_task_without_title_or_responsible_is_400_error_core(portal, fields):
    refused(portal.raw("tasks.task.add", {"fields": fields}), 400, "ERROR_CORE")


def test_notices_and_their_errors(sandbox, portal):
    assert portal("im.notify.system.add", USER_ID=2, MESSAGE="Горячий лид") == 1
    refused(portal.raw("im.notify.personal.add", {"MESSAGE": "x"}), 400, "USER_ID_EMPTY")
    refused(portal.raw("im.notify", {"USER_ID": 2, "MESSAGE": ""}), 400, "MESSAGE_EMPTY")
    refused(portal.raw("im.notify", {"USER_ID": 2, "MESSAGE": "x", "TAG": "lead-1"}), 403, "WRONG_AUTH_TYPE")
    for words in ("Первое", "Второе"):
        portal("im.notify", USER_ID=2, MESSAGE=words, TAG="lead-1", CLIENT_ID="leadhub")
    assert [notice["MESSAGE"] for notice in sandbox.entities()["notice"]] == ["Горячий лид", "Второе"]


def test_directories_and_people(portal):
    sources = portal("crm.status.list", filter={"ENTITY_ID": "SOURCE"})
    assert {"CALL", "WEB", "WEBFORM", "OTHER"} <= {source["STATUS_ID"] for source in sources}
    assert {status["STATUS_ID"] for status in portal("crm.status.list", filter={"ENTITY_ID": "STATUS"})} == {
        "NEW", "IN_PROCESS", "PROCESSED", "JUNK", "CONVERTED",
    }  # fmt: skip
    assert len(portal("user.get")) == 6
    assert [user["ID"] for user in portal("user.get", FILTER={"EMAIL": "user3@main.example"})] == ["3"]
    assert [user["ID"] for user in portal("user.get", ID=2)] == ["2"]


# batch


def test_a_batch_hands_results_on(portal):
    commands = {
        "c": "crm.item.add?entityTypeId=3&fields[name]=%D0%90%D0%BD%D0%BD%D0%B0",
        "d": "crm.item.add?entityTypeId=2&fields[title]=Visit&fields[contactId]=$result[c][item][id]",
        "e": "crm.item.list?entityTypeId=2&filter[@contactId][]=$result[c][item][id]",
    }
    result = portal("batch", halt=0, cmd=commands)
    assert result["result"]["d"]["item"]["contactIds"] == [1]
    assert [item["id"] for item in result["result"]["e"]["items"]] == [1]
    assert result["result_total"] == {"e": 1}
    assert result["result_error"] == []
    assert result["result_next"] == []
    assert set(result["result_time"]) == {"c", "d", "e"}


def test_a_batch_is_200_though_commands_fail(portal):
    commands = {"a": "crm.item.get?entityTypeId=1&id=9", "b": "crm.item.add?entityTypeId=1&fields[title]=x"}
    answer = portal.raw("batch", {"halt": 0, "cmd": commands})
    result = answer.json()["result"]
    assert answer.status_code == 200
    assert result["result_error"]["a"]["error"] == "NOT_FOUND"
    assert list(result["result"]) == ["b"]


def test_halt_stops_at_the_first_failure(portal):
    commands = {"a": "crm.item.get?entityTypeId=1&id=9", "b": "crm.item.add?entityTypeId=1&fields[title]=x"}
    result = portal("batch", halt=1, cmd=commands)
    assert result["result"] == []
    assert list(result["result_error"]) == ["a"]
    assert portal.ids() == []


def test_commands_past_fifty_are_error_batch_length_exceeded(portal):
    result = portal("batch", cmd={f"c{number}": "user.current" for number in range(52)})
    assert len(result["result"]) == 50
    assert {error["error"] for error in result["result_error"].values()} == {"ERROR_BATCH_LENGTH_EXCEEDED"}
    assert list(result["result_error"]) == ["c50", "c51"]


def test_a_nested_batch_is_error_batch_method_not_allowed(portal):
    result = portal("batch", cmd={"a": "batch?cmd[x]=user.current"})
    assert result["result_error"]["a"]["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"


def test_a_fault_can_name_a_method_inside_a_batch(sandbox, portal):
    sandbox.faults("bitrix24", "status", match="crm.item.add", status=502, times=1)
    assert portal.raw("batch", {"cmd": {"a": "user.current"}}).status_code == 200
    assert portal.raw("batch", {"cmd": {"a": "crm.item.add?entityTypeId=1"}}).status_code == 502


def test_a_timed_out_add_was_applied(sandbox, portal):
    sandbox.faults("bitrix24", "after_timeout", match="crm.item.add", times=1, delay=30)
    with pytest.raises(httpx.ReadTimeout):
        portal.raw("crm.item.add", {"entityTypeId": LEAD, "fields": {"originId": "7"}}, timeout=0.5)
    assert portal.ids(filter={"originId": "7"}) == [1]


# OAuth


def oauth(sandbox, https, **params) -> httpx.Response:
    told = {"grant_type": "refresh_token", "client_id": "local.sandbox", "client_secret": "s"} | params
    return https.get(f"https://{sandbox.tls_domain}/oauth/token/", params=told)


def test_an_expired_token_is_401_and_refreshing_replaces_both_tokens(sandbox, https):
    url = f"https://{sandbox.tls_domain}/rest/user.current"
    old = sandbox.post("bitrix24/tokens", expires_in=0)
    refused(https.post(url, json={"auth": old["access_token"]}), 401, "expired_token")
    fresh = oauth(sandbox, https, refresh_token=old["refresh_token"]).json()
    assert fresh["expires_in"] == 3600
    assert fresh["member_id"] == old["member_id"]
    assert https.post(url, json={"auth": fresh["access_token"]}).json()["result"]["ID"] == "1"
    refused(oauth(sandbox, https, refresh_token=old["refresh_token"]), 400, "invalid_grant")
    assert old["access_token"] not in str(sandbox.log("bitrix24"))


def test_wrong_refreshes(sandbox, https):
    tokens = sandbox.post("bitrix24/tokens")
    refused(oauth(sandbox, https, grant_type="guess"), 400, "invalid_request")
    refused(oauth(sandbox, https, refresh_token=tokens["refresh_token"], client_id="other"), 401, "invalid_client")


# Events


def test_an_outgoing_webhook_hears_of_changes_once_without_tokens(sandbox, portal, receiver):
    sandbox.post("bitrix24/hooks", url=receiver.url, application_token="apptoken", events=["ONCRMLEADUPDATE"])
    portal.add(title="Лид")
    order = {"entityTypeId": LEAD, "id": 1, "fields": {"stageId": "IN_PROCESS"}}
    receiver.statuses = [500]
    sandbox.post("bitrix24/act", method="crm.item.update", user_id=3, params=order)
    came = receiver.next()
    event = dict(httpx.QueryParams(came["body"].decode()))
    assert came["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert (event["event"], event["data[FIELDS][ID]"]) == ("ONCRMLEADUPDATE", "1")
    assert event["auth[application_token]"] == "apptoken"
    assert "auth[access_token]" not in event
    assert portal("crm.item.get", entityTypeId=LEAD, id=1)["item"]["updatedBy"] == 3
    assert receiver.came.empty()


# Small parts


def test_bracketed_names_become_maps_and_lists():
    assert nested([("a[b][0][c]", "1"), ("a[b][1][c]", "2"), ("d[]", "x"), ("d[]", "y"), ("e[]", "")]) == {
        "a": {"b": [{"c": "1"}, {"c": "2"}]},
        "d": ["x", "y"],
        "e": [],
    }


def test_maps_are_printed_as_php_prints_them():
    assert php_map({}) == []
    assert php_map({"0": "a", "1": "b"}) == ["a", "b"]
    assert php_map({"1": "a"}) == {"1": "a"}


@pytest.mark.parametrize(
    ("upper", "camel"),
    [("UF_CRM_LEADHUB_SCORE", "ufCrmLeadhubScore"), ("UF_CRM_1234", "ufCrm1234"), ("UF_CRM_2_16", "ufCrm2_16")],
)
def test_own_field_names_in_camel_case(upper, camel):
    assert user_field_name(upper) == camel


def test_phone_keys():
    assert phone_key("8 (900) 000-05-01 доб. 3") == phone_key("+79000000501") == "79000000501"
