"""The first meeting with a portal, and every later doubt: does it answer, what may we do there, who is who."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from crm import connection as connections
from crm import errors, mapping
from crm.connection import Portal
from crm.directory import directory_of
from crm.mapping import Directory
from crm.models import Connection, Link
from leadhub.work import GiveUp, TryLater
from tenants.business.models import StaffMember


def check(found: Connection, *, now: datetime) -> list[str]:
    """Try the connection, make our fields in the portal, match people. Russian findings, the last word first.

    A connection that works is mended by it: what waited goes out."""
    Connection.objects.filter(pk=found.pk).update(broken_reason="", paused_until=None)
    found.refresh_from_db()
    portal = Portal(found, now=now)
    try:
        directory = directory_of(portal, afresh=True)
        findings = [*_make_fields(portal, directory), *_match_people(portal)]
        directory_of(portal, afresh=True)
    except (TryLater, GiveUp) as error:
        found.refresh_from_db()
        return [f"Не работает: {found.broken_reason or error}."]
    connections.mended(found, now=now)
    mode = "без лидов: заявки станут сделками" if directory.mode == mapping.SIMPLE else "с лидами"
    return [f"Подключено: портал {mode}.", *findings]


def _make_fields(portal: Portal, directory: Directory) -> list[str]:
    missing = [own for own in mapping.OWN_FIELDS if own[3] not in directory.own_fields]
    if not missing:
        return []
    entity = "deal" if directory.mode == mapping.SIMPLE else "lead"
    asked = {
        name: (
            f"crm.{entity}.userfield.add",
            {"fields": {"USER_TYPE_ID": kind, "FIELD_NAME": name, "LABEL": label, "XML_ID": name}},
        )
        for name, kind, label, _ in missing
    }
    answer = portal.run(asked)
    failures = [error for error in answer.errors.values() if not _exists_already(error)]
    if other := [error for error in failures if not isinstance(error, errors.Refused)]:
        raise portal.failed(other[0])
    if failures:
        return [
            "Поля «балл», «температура», «намерение», «метки» не созданы: вебхук сделан не администратором CRM. "
            "Всё это будет в комментарии карточки."
        ]
    return ["Созданы поля карточки: балл, температура, намерение, метки."]


def _exists_already(error: Exception) -> bool:
    words = str(error).lower()
    return isinstance(error, errors.Refused) and ("already exists" in words or "уже существует" in words)


def _match_people(portal: Portal) -> list[str]:
    """Staff and the portal's users: by e-mail of the login, else by a name that only one user has."""
    answer = portal.run({"users": ("user.get", {"FILTER": {"ACTIVE": True, "USER_TYPE": "employee"}})})
    if isinstance(answer.errors.get("users"), errors.Refused):
        return ["Сотрудники не сопоставлены: вебхуку не дано право «Пользователи»."]
    answer.check()
    users = [user for user in answer.results["users"] or [] if isinstance(user, dict)]
    unknown = []
    for person in StaffMember.objects.filter(is_active=True).select_related("user"):
        link, _ = Link.objects.get_or_create(kind=Link.Kind.USER, local_id=person.pk)
        if not any(str(user["ID"]) == link.remote_id for user in users):
            link.remote_id = _user_of(person, users)
            link.save(update_fields=["remote_id"])
        if not link.remote_id:
            unknown.append(person.name)
    default = str(portal.connection.default_user_id)
    findings = []
    if not any(str(user["ID"]) == default for user in users):
        findings.append(f"Ответственного по умолчанию (№ {default}) в портале нет: укажите другого.")
    if unknown:
        findings.append(f"Не найдены в портале: {', '.join(unknown)}. Их заявки получит ответственный по умолчанию.")
    return findings


def _user_of(person: StaffMember, users: Iterable[dict[str, Any]]) -> str:
    email = (person.user.email if person.user else "").lower()
    by_email = [user for user in users if email and str(user.get("EMAIL") or "").lower() == email]
    by_name = [user for user in users if person.name.lower() in _names(user)]
    for found in (by_email, by_name):
        if len(found) == 1:
            return str(found[0]["ID"])
    return ""


def _names(user: dict[str, Any]) -> set[str]:
    first, last = (str(user.get(name) or "").strip().lower() for name in ("NAME", "LAST_NAME"))
    return {first, f"{first} {last}", f"{last} {first}"} - {""}
