"""The vendor's own SDK against the portal, over TLS with the sandbox's authority."""

from __future__ import annotations

import pytest
from b24pysdk import Client
from b24pysdk.credentials import BitrixWebhook
from b24pysdk.errors import (
    BitrixAPINotFound,
    BitrixAPIOperationTimeLimit,
    BitrixAPIQueryLimitExceeded,
    BitrixRequestError,
    BitrixRequestTimeout,
    BitrixResponse302JSONDecodeError,
    BitrixResponseJSONDecodeError,
)
from b24pysdk.errors.oauth import BitrixOAuthNoAuthFound


@pytest.fixture
def client(sandbox, monkeypatch) -> Client:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", sandbox.ca_file)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return make_client(sandbox)


def make_client(sandbox, token="1/sandbox", **more) -> Client:
    return Client(BitrixWebhook(domain=sandbox.tls_domain, webhook_token=token), **more)


def test_add_update_get_list(client):
    phone = [{"typeId": "PHONE", "valueType": "MOBILE", "value": "+79000000501"}]
    item = client.crm.item.add(1, {"title": "Стрижка", "fm": phone, "originId": "7"}).result["item"]
    client.crm.item.update(1, item["id"], {"stageId": "IN_PROCESS"}).response  # noqa: B018 - the first access sends it
    assert client.crm.item.get(1, item["id"]).result["item"]["stageId"] == "IN_PROCESS"
    assert client.crm.duplicate.findbycomm("PHONE", ["+79000000501"]).result == {"LEAD": [item["id"]]}
    assert client.crm.item.list(entity_type_id=1, filter={"originId": "7"}).result["items"][0]["id"] == item["id"]
    assert client.crm.item.add(1, {}).time.operating > 0
    client.crm.item.delete(1, item["id"]).response  # noqa: B018 - reading it sends


def test_old_methods_tasks_comments_notices(client):
    lead = client.crm.lead.add({"TITLE": "Старый"}, params={"REGISTER_SONET_EVENT": "Y"}).result
    fields = {"ENTITY_ID": lead, "ENTITY_TYPE": "lead", "COMMENT": "Здравствуйте"}
    assert client.crm.timeline.comment.add(fields).result == 1
    task = {"TITLE": "Перезвонить", "RESPONSIBLE_ID": 1, "UF_CRM_TASK": [f"L_{lead}"]}
    assert client.tasks.task.add(task).result["task"]["ufCrmTask"] == [f"L_{lead}"]
    assert [found["id"] for found in client.tasks.task.list(filter={"TITLE": "Перезвонить"}).result["tasks"]] == ["1"]
    assert client.tasks.task.list(filter={"TITLE": "Другое"}).result["tasks"] == []
    assert client.im.notify.system.add(user_id=1, message="Горячий лид").result == 1
    assert client.user.current().result["ID"] == "1"
    assert client.crm.settings.mode.get().result == 1


def test_lists_of_many_pages_by_offset_and_by_id(sandbox, client):
    adds = [client.crm.item.add(1, {"title": f"Лид {number}"}) for number in range(120)]
    batches = client.call_batches(adds)
    assert len(batches.result.result) == 120
    assert [item["id"] for item in client.crm.item.list(entity_type_id=1).as_list().result] == list(range(1, 121))
    assert [item["id"] for item in client.crm.item.list(entity_type_id=1).as_list_fast().result] == list(range(1, 121))
    by_ids = client.crm.item.list(entity_type_id=1, filter={"@id": [5, 119]}).as_list().result
    assert [item["id"] for item in by_ids] == [5, 119]


def test_a_batch_with_a_failing_command_does_not_raise(client):
    answer = client.call_batch(
        {"a": client.crm.item.get(1, 9), "b": client.crm.item.add(1, {"title": "x"})}, halt=False
    )
    assert answer.result.result_error["a"]["error"] == "NOT_FOUND"
    assert answer.result.result["b"]["item"]["title"] == "x"


def test_references_in_a_batch_survive_the_sdks_encoding(client):
    contact = client.crm.item.add(3, {"name": "Анна & Ко = 100%"})
    deal = client.crm.item.add(2, {"title": "Визит", "contactId": "$result[c][item][id]"})
    answer = client.call_batch({"c": contact, "d": deal}).result.result
    assert answer["c"]["item"]["name"] == "Анна & Ко = 100%"
    assert answer["d"]["item"]["contactId"] == answer["c"]["item"]["id"]


def test_typed_errors(sandbox, client):
    with pytest.raises(BitrixAPINotFound):
        client.crm.item.get(1, 9).response  # noqa: B018 - reading it sends
    with pytest.raises(BitrixOAuthNoAuthFound):
        make_client(sandbox, "1/wrongcode").user.current().response  # noqa: B018 - reading it sends
    sandbox.post("bitrix24/bucket", code="sandbox", method="crm.item.list", operating=480)
    with pytest.raises(BitrixAPIOperationTimeLimit):
        client.crm.item.list(entity_type_id=1).response  # noqa: B018 - reading it sends


def test_a_503_is_tried_again_by_the_sdk_three_times_in_all(sandbox, client):
    busy = {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}
    sandbox.faults("bitrix24", "status", status=503, body=busy, times=2)
    assert client.user.current().result["ID"] == "1"
    sandbox.faults("bitrix24", "status", status=503, body=busy, times=3)
    with pytest.raises(BitrixAPIQueryLimitExceeded):
        client.user.current().response  # noqa: B018 - reading it sends
    assert [call["status"] for call in sandbox.log("bitrix24")] == [503, 503, 200, 503, 503, 503]


def test_a_moved_portal_is_followed_with_the_post_kept(sandbox, client):
    sandbox.post("bitrix24/portal", moved_to="localhost")
    with pytest.raises((BitrixRequestError, BitrixResponse302JSONDecodeError)):
        client.crm.item.add(1, {"title": "x"}).response  # noqa: B018 - the SDK drops the port: port 443 answers nobody
    assert sandbox.log("bitrix24")[-1]["status"] == 302


def test_lost_answers_garbage_and_hang_ups(sandbox, client):
    sandbox.faults("bitrix24", "disconnect", times=1)
    with pytest.raises(BitrixRequestError):
        client.user.current().response  # noqa: B018 - reading it sends
    sandbox.faults("bitrix24", "garbage", times=1)
    with pytest.raises(BitrixResponseJSONDecodeError):
        client.user.current().response  # noqa: B018 - reading it sends
    sandbox.faults("bitrix24", "hang", times=1)
    with pytest.raises(BitrixRequestTimeout):
        make_client(sandbox, timeout=(1, 0.3)).user.current().response  # noqa: B018 - reading it sends
