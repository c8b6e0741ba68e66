"""Whatever fails, no log line tells who wrote what, or any secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.installation import BOT_TOKENS, PORTAL_CODE, SECRET, SMS_PASSWORD, Installation, hook

pytestmark = pytest.mark.processes

NAME, SURNAME, MAIL = "Ярополка", "Мстиславская", "yaropolka@primer-pochta.test"
WORD = "бирюзовые"  # of a message that goes well
BAD_WORD = "вермильон"  # of one that the database refuses
VISITOR = "visitor-token-of-the-browser-1"
DIGITS = "9017654321"
REVOKED = {"ok": False, "error_code": 401, "description": "Unauthorized"}
NO_AUTH = {"error": "NO_AUTH_FOUND", "error_description": "Wrong authorization data"}


def forbidden() -> dict[str, re.Pattern[str]]:
    """What may stand in no line, by what it is. A phone counts however it is written."""
    words = [NAME, SURNAME, MAIL, WORD, BAD_WORD, VISITOR, SECRET, PORTAL_CODE, SMS_PASSWORD, *BOT_TOKENS.values()]
    found = {word: re.compile(re.escape(word), re.I) for word in words}
    found |= {
        f"{word}, escaped": re.compile(re.escape(ascii(word)[1:-1]), re.I) for word in words if not word.isascii()
    }
    found |= {token: re.compile(re.escape(token.partition(":")[2])) for token in BOT_TOKENS.values()}
    found["phone"] = re.compile(r"\D{0,3}".join(DIGITS))
    return found


def leaks(files: list[Path]) -> list[str]:
    """File, line and kind of everything forbidden in the files."""
    return [
        f"{file.name}:{number}: {what}: {line[:200]}"
        for file in files
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
        for what, pattern in forbidden().items()
        if pattern.search(line)
    ]


def test_scan_finds_what_it_looks_for(tmp_path: Path):
    lines = [
        f"a {NAME} b",
        ascii(WORD),
        f"post /bot{BOT_TOKENS['vesna']}/sendMessage",
        "+7 (901) 765-43-21",
        "89017654321",
    ]
    planted = tmp_path / "planted.log"
    planted.write_text("\n".join([*lines, "lead 12 of event 34"]))
    assert {line.split(":")[1] for line in leaks([planted])} == {"1", "2", "3", "4", "5"}


def test_no_log_line_of_a_run_full_of_faults_names_anybody(installation: Installation):
    sandbox = installation.sandbox
    client = installation.client()
    client.phone = f"8 901 {DIGITS[3:6]}-{DIGITS[6:8]}-{DIGITS[8:]}"

    # Everything goes well.
    client.talks(
        f"Здравствуйте, меня зовут {NAME} {SURNAME}, хочу записаться на {WORD} ногти завтра в 10:00",
        f"{NAME}, {client.phone}",
        "да, согласна",
        "да",
        until="booked",
    )
    form = {"name": NAME, "phone": client.phone, "email": MAIL, "comment": f"{WORD} пряди?", "client_key": "private"}
    assert installation.post(hook("form", "vesna"), form).status_code == 200
    chat = {"visitor": VISITOR, "client_key": "private", "text": f"Я {NAME}, мой номер {client.phone}"}
    assert installation.post(hook("webchat", "vesna"), chat).status_code == 200

    # Bodies that cannot be read.
    for body in (f'{{"message": "{NAME}"'.encode(), NAME.encode("utf-16"), f'["{WORD}", "{client.phone}"]'.encode()):
        for secret, status in ((SECRET, 200), (VISITOR, 403)):
            answer = installation.post(hook("telegram", "vesna"), body, **{"X-Telegram-Bot-Api-Secret-Token": secret})
            assert answer.status_code == status
        installation.post(hook("form", "vesna"), body)
        installation.post(hook("webchat", "vesna"), body)
    installation.fetch(f"/hooks/telegram/{DIGITS}/", Authorization=f"Bearer {VISITOR}")

    # The outside fails in every way, then refuses our keys.
    for service, match in (("telegram", "sendMessage"), ("sms", ""), ("bitrix24", "")):
        for fault in ({"kind": "status", "status": 500}, {"kind": "garbage"}, {"kind": "disconnect"}, {"kind": "hang"}):
            sandbox.faults(service, match=match, times=1, **fault)
    client.says(f"А {WORD} блёстки есть?")
    form |= {"client_key": "private-2", "comment": f"{WORD} ресницы?"}
    installation.post(hook("form", "vesna"), form)
    installation.wait("faults are left", lambda: not sandbox.get("faults")["faults"], hurry=1)
    sandbox.faults("telegram", "status", match="sendMessage", status=401, body=REVOKED, times=1)
    sandbox.faults("bitrix24", "status", status=401, body=NO_AUTH, times=1)
    sandbox.faults(
        "sms", "status", match="send", status=200, body={"error": "authorise error", "error_code": 2}, times=1
    )
    client.says(f"Ещё про {WORD} ногти")
    form |= {"client_key": "private-3", "comment": f"{WORD} брови?"}
    installation.post(hook("form", "vesna"), form)
    installation.wait("keys were not refused", lambda: not sandbox.get("faults")["faults"], hurry=1)
    installation.sql(
        "UPDATE t_vesna.crm_connection SET domain = 'localhost:1', broken_reason = '', paused_until = NULL"
    )
    client.says(f"И {WORD} стразы")

    # The database refuses a row, and tells its content in the error.
    ban = f"CHECK (text NOT LIKE '%{BAD_WORD}%') NOT VALID"
    installation.sql(f"ALTER TABLE t_vesna.contacts_message ADD CONSTRAINT no_such_word {ban}")
    try:
        client.says(f"Хочу {BAD_WORD}\n\nМой номер {client.phone}")
        refused = "SELECT count(*) FROM due_work WHERE handler = 'inbound' AND last_error LIKE '%no_such_word%'"
        installation.wait("the database took it", lambda: installation.number(refused))
    finally:
        installation.sql("ALTER TABLE t_vesna.contacts_message DROP CONSTRAINT no_such_word")
        installation.sql("UPDATE t_vesna.crm_connection SET domain = %s, paused_until = NULL", sandbox.tls_domain)
    installation.outside_as_new()
    installation.wait("still owed", lambda: not installation.owed("inbound"), hurry=0.5)

    logs = sorted((installation.data / "log").glob("*"))
    assert {"web", "worker-pipeline", "worker-http", "dispatcher", "postgres"} <= {log.stem for log in logs}
    assert "IntegrityError" in (installation.data / "log" / "worker-pipeline.log").read_text()
    printed = installation.data.parent / "printed.txt"
    printed.write_text(installation.output)
    kept = installation.data.parent / "kept.txt"  # shown to the agency's people, who may not read clients' words
    kept.write_text("\n".join(row[0] for row in installation.sql("SELECT last_error FROM due_work")))
    assert leaks([*logs, printed, kept]) == []
