"""The sandbox as a process: faults, restarts, its end, its pages."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import trustme

from sandbox.certificate import certificate
from sandbox.store import Store
from sandbox.testing import ROOT, SandboxProcess

from .conftest import HTTP, TOKEN, Bot


def get_me(sandbox, **more) -> httpx.Response:
    return HTTP.get(f"{sandbox.url}/telegram/bot{TOKEN}/getMe", **more)


# Faults


def test_a_status_fault_strikes_as_often_as_told_and_only_what_it_matches(sandbox):
    sandbox.faults("telegram", "status", match="getme", status=502, body={"ok": False}, headers={"X-Why": "t"}, times=2)
    assert HTTP.get(f"{sandbox.url}/telegram/bot{TOKEN}/getWebhookInfo").status_code == 200
    answer = get_me(sandbox)
    assert (answer.status_code, answer.json(), answer.headers["X-Why"]) == (502, {"ok": False}, "t")
    assert [get_me(sandbox).status_code for _ in range(3)] == [502, 200, 200]
    assert [call["fault"] for call in sandbox.log("telegram")] == [None, "status", "status", None, None]


def test_a_fault_without_a_number_of_times_stays_until_cleared(sandbox):
    sandbox.faults("telegram", "status")
    assert {get_me(sandbox).status_code for _ in range(5)} == {500}
    [fault] = sandbox.get("faults")["faults"]
    assert fault["struck"] == 5
    sandbox.clear_faults()
    assert get_me(sandbox).status_code == 200


@pytest.mark.parametrize("kind", ["timeout", "hang"])
def test_no_answer_in_time_and_nothing_done(sandbox, kind):
    Bot(sandbox)("getMe")
    sandbox.say(TOKEN, "Привет", {"id": 5})
    sandbox.faults("telegram", kind, match="sendMessage", times=1)
    with pytest.raises(httpx.ReadTimeout):
        HTTP.post(f"{sandbox.url}/telegram/bot{TOKEN}/sendMessage", json={"chat_id": 5, "text": "Да"}, timeout=0.3)
    assert [row["out"] for row in sandbox.telegram(TOKEN)] == [False]


def test_a_timeout_ends_in_504(sandbox):
    sandbox.faults("telegram", "timeout", delay=0.05, times=1)
    assert get_me(sandbox).status_code == 504


def test_after_timeout_the_message_was_sent(sandbox):
    Bot(sandbox)("getMe")
    sandbox.say(TOKEN, "Привет", {"id": 5})
    sandbox.faults("telegram", "after_timeout", times=1)
    with pytest.raises(httpx.ReadTimeout):
        HTTP.post(f"{sandbox.url}/telegram/bot{TOKEN}/sendMessage", json={"chat_id": 5, "text": "Да"}, timeout=0.3)
    assert [row["message"]["text"] for row in sandbox.telegram(TOKEN)] == ["Привет", "Да"]


def test_garbage_is_no_json(sandbox):
    sandbox.faults("telegram", "garbage", times=1)
    answer = get_me(sandbox)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_disconnect_gives_no_byte(sandbox):
    sandbox.faults("telegram", "disconnect", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        get_me(sandbox)


@pytest.mark.parametrize(
    "order", [{"service": "fax", "kind": "hang"}, {"service": "sms", "kind": "fire"}, {"kind": "hang"}]
)
def test_a_senseless_order_is_400(sandbox, order):
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        sandbox.post("faults", **order)


def test_unknown_settings_are_400_and_none_sets_the_default_back(sandbox):
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        sandbox.settings(telegramlimits=False)
    assert sandbox.settings(telegram_limits=False)["telegram_limits"] is False
    assert sandbox.settings(telegram_limits=None)["telegram_limits"] is True


def test_reset_of_one_service_leaves_the_others(sandbox):
    Bot(sandbox)("getMe")
    sandbox.say(TOKEN, "Привет", {"id": 5})
    sandbox.faults("sms", "hang")
    sandbox.settings(sms_price=2, telegram_chat_burst=1)
    sandbox.reset("sms")
    settings = sandbox.get("settings")
    assert (settings["sms_price"], settings["telegram_chat_burst"]) == (1.4, 1)
    assert sandbox.get("faults")["faults"] == []
    assert len(sandbox.telegram(TOKEN)) == 1


def test_after_a_reset_a_bot_sees_no_update_number_twice(sandbox):
    Bot(sandbox)("getMe")
    first = sandbox.say(TOKEN, "Привет", {"id": 5})
    sandbox.reset()
    Bot(sandbox)("getMe")
    second = sandbox.say(TOKEN, "Привет", {"id": 5})
    assert second["update_id"] == first["update_id"] + 1
    assert second["message_id"] == first["message_id"] + 1


# Restarts


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restart_keeps_what_was_there(tmp_path, receiver, end):
    with SandboxProcess(tmp_path) as sandbox:
        Bot(sandbox)("setWebhook", url=receiver.url, secret_token="s")
        sandbox.say(TOKEN, "Привет", {"id": 5, "first_name": "Анна"}, wait=True)
        data = {"apikey": "sandbox-smsc-key", "phones": "79000000501", "mes": "Ждём вас", "fmt": 3}
        HTTP.post(f"{sandbox.url}/smsc/sys/send.php", data=data)
        sandbox.post("bitrix24/act", method="crm.item.add", params={"entityTypeId": 1, "fields": {"title": "Лид"}})
        authority = Path(sandbox.ca_file).read_bytes()
        port, tls_port = sandbox.port, sandbox.tls_port
        getattr(sandbox, end)()

        sandbox.start()
        assert (sandbox.port, sandbox.tls_port) == (port, tls_port)
        assert Path(sandbox.ca_file).read_bytes() == authority
        assert [row["message"]["text"] for row in sandbox.telegram(TOKEN)] == ["Привет"]
        assert HTTP.post(f"{sandbox.url}/smsc/sys/send.php", data=data).json()["error_code"] == 9
        assert [lead["title"] for lead in sandbox.entities()["lead"]] == ["Лид"]
        receiver.next()
        sandbox.say(TOKEN, "Снова я", 5)
        came = receiver.next()
        assert came["headers"]["X-Telegram-Bot-Api-Secret-Token"] == "s"
        assert json.loads(came["body"])["message"]["from"]["first_name"] == "Анна"


def test_an_update_not_delivered_before_the_end_is_delivered_after_it(tmp_path, receiver):
    with SandboxProcess(tmp_path) as sandbox:
        sandbox.settings(telegram_retry_pauses=[600])
        Bot(sandbox)("setWebhook", url=receiver.url)
        receiver.statuses = [503]
        said = sandbox.say(TOKEN, "Не потеряйте", {"id": 5})
        assert receiver.next_json()["update_id"] == said["update_id"]
        sandbox.stop()
        sandbox.start()
        assert receiver.next_json()["update_id"] == said["update_id"]


def test_the_journal_is_short_and_bears_a_torn_line(tmp_path):
    store = Store(tmp_path / "journal.jsonl")
    table = store.table("things", limit=3)
    store.open()
    for number in range(100):
        table.put("changing", {"number": number})
    for number in range(5):
        table.put(f"row{number}", {"number": number})
    numbers = [store.counter("ids", 10).next() for _ in range(2)]
    store.close()
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('["things","torn",{"num')

    again = Store(tmp_path / "journal.jsonl")
    table = again.table("things", limit=3)
    again.open()
    assert [row["number"] for row in table] == [2, 3, 4]
    assert [*numbers, again.counter("ids", 10).next()] == [10, 11, 12]
    again.close()
    assert len((tmp_path / "journal.jsonl").read_text().splitlines()) == 5


def test_a_journal_grown_long_is_shortened_while_running(tmp_path, monkeypatch):
    monkeypatch.setattr(Store, "MAX_LINES", 50)
    store = Store(tmp_path / "journal.jsonl")
    table = store.table("things", limit=10)
    store.open()
    for number in range(500):
        table.put("one", {"number": number})
    store.close()
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert len(lines) <= 51
    assert json.loads(lines[-1]) == ["things", "one", {"number": 499}]


def test_the_authority_is_made_once_and_again_when_it_is_broken(tmp_path):
    certificate(tmp_path)
    first = (tmp_path / "ca.pem").read_bytes()
    assert (tmp_path / "ca.key").stat().st_mode & 0o777 == 0o600
    certificate(tmp_path)
    assert (tmp_path / "ca.pem").read_bytes() == first
    (tmp_path / "ca.pem").write_bytes(b"broken")
    certificate(tmp_path)
    trustme.CA.from_pem((tmp_path / "ca.pem").read_bytes(), (tmp_path / "ca.key").read_bytes())
    assert (tmp_path / "ca.pem").read_bytes() != first


# Its end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_though_calls_hang(tmp_path, number):
    with SandboxProcess(tmp_path) as sandbox:
        sandbox.faults("telegram", "hang", match="getMe")
        sandbox.faults("telegram", "timeout", match="getWebhookInfo")
        ended = []

        def hang(method):
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(f"{sandbox.url}/telegram/bot{TOKEN}/{method}", timeout=30, trust_env=False)
            ended.append(method)

        methods = ["getMe", "getWebhookInfo"] * 3
        threads = [threading.Thread(target=hang, args=(method,)) for method in methods]
        for thread in threads:
            thread.start()
        while len(sandbox.log("telegram")) < len(methods):
            time.sleep(0.02)
        os.kill(sandbox.pid, number)
        assert sandbox._process.wait(timeout=15) == 0  # the calls would hang for a minute and more
        for thread in threads:
            thread.join()
        assert sorted(ended) == sorted(methods)


def test_it_ends_with_the_process_that_started_it(tmp_path):
    starter = (
        "import os, sys; from sandbox.testing import SandboxProcess; "
        "one = SandboxProcess(sys.argv[1]).start(); print(one.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    run = subprocess.run([sys.executable, "-c", starter, str(tmp_path)], cwd=ROOT, capture_output=True, timeout=30)
    pid = int(run.stdout)
    wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    """Returns when the process has ended; fails after ten seconds."""
    for _ in range(200):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail("still running")


def test_a_busy_port_and_a_busy_folder_are_told_plainly(tmp_path, sandbox_process):
    with pytest.raises(RuntimeError, match="another sandbox is using"):
        SandboxProcess(sandbox_process.data_dir).start()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(RuntimeError, match="cannot listen"):
            SandboxProcess(tmp_path, port=taken.getsockname()[1]).start()


# Its pages


@pytest.mark.parametrize("path", ["/", "/telegram/", "/sms/", "/bitrix24/"])
def test_pages_are_russian_and_forbid_foreign_and_inline_scripts(sandbox, path):
    page = HTTP.get(sandbox.url + path)
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert '<html lang="ru">' in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "<script>" not in page.text


def test_a_page_of_another_site_steers_nothing(sandbox):
    body = b'{"service": "sms", "kind": "hang"}'
    headers = {"Origin": "https://example.com", "Content-Type": "text/plain"}
    assert HTTP.post(f"{sandbox.url}/_control/faults", content=body, headers=headers).status_code == 403
    assert sandbox.get("faults")["faults"] == []


def test_bots_are_shown_without_their_tokens(sandbox):
    Bot(sandbox)("getMe")
    assert TOKEN not in json.dumps(sandbox.get("telegram/bots"))
    [bot] = sandbox.get("telegram/bots")["bots"]
    assert bot["id"] == 123456789
