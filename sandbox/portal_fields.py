"""Fields of a portal's leads, deals and contacts: their types, their two spellings, their values in answers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

LEAD, DEAL, CONTACT = 1, 2, 3
ENTITY_NAMES = {LEAD: "lead", DEAL: "deal", CONTACT: "contact"}
ZONE = timezone(timedelta(hours=3))
UTM = ("utmSource", "utmMedium", "utmCampaign", "utmContent", "utmTerm")
READ_ONLY = {
    "id", "createdTime", "updatedTime", "createdBy", "updatedBy", "movedTime", "movedBy", "fullName", "hasPhone",
    "hasEmail", "hasImol", "stageSemanticId", "lastActivityBy", "lastActivityTime", "previousStageId",
}  # fmt: skip
MULTI_FIELDS = ("PHONE", "EMAIL", "WEB", "IM")
VALUE_TYPES = {
    "PHONE": {"WORK", "MOBILE", "FAX", "HOME", "PAGER", "MAILING", "OTHER"},
    "EMAIL": {"WORK", "HOME", "MAILING", "OTHER"},
}
USER_TYPES = {"string": "string", "integer": "integer", "double": "double", "boolean": "boolean"} | {
    name: name for name in ("date", "datetime", "url", "money", "enumeration", "address")
}

_COMMON = {
    "id": "integer", "createdTime": "datetime", "updatedTime": "datetime", "createdBy": "user", "updatedBy": "user",
    "assignedById": "user", "opened": "boolean", "comments": "text", "sourceId": "crm_status",
    "sourceDescription": "text", "companyId": "integer", "observers": "ids", "originatorId": "string",
    "originId": "string", "lastActivityBy": "user", "lastActivityTime": "datetime", "webformId": "integer",
} | dict.fromkeys(UTM, "string")  # fmt: skip
_STAGED = {
    "title": "string", "stageId": "stage", "stageSemanticId": "string", "previousStageId": "string",
    "movedTime": "datetime", "movedBy": "user", "opportunity": "double", "isManualOpportunity": "boolean",
    "currencyId": "string", "contactId": "integer", "contactIds": "ids",
}  # fmt: skip
_PERSON = {
    "honorific": "crm_status", "name": "string", "secondName": "string", "lastName": "string", "fullName": "string",
    "birthdate": "date", "post": "string", "address": "text", "hasPhone": "boolean", "hasEmail": "boolean",
    "hasImol": "boolean",
}  # fmt: skip
FIELDS: dict[int, dict[str, str]] = {
    LEAD: {**_COMMON, **_STAGED, **_PERSON, "statusDescription": "text", "companyTitle": "string"},
    DEAL: {
        **_COMMON, **_STAGED, "categoryId": "integer", "typeId": "crm_status", "probability": "integer",
        "begindate": "date", "closedate": "date", "closed": "boolean", "leadId": "integer", "taxValue": "double",
        "additionalInfo": "text", "isNew": "boolean", "isReturnCustomer": "boolean",
    },
    CONTACT: {**_COMMON, **_PERSON, "typeId": "crm_status", "export": "boolean", "leadId": "integer"},
}  # fmt: skip
_OLD_NAMES = {
    "createdTime": "DATE_CREATE", "updatedTime": "DATE_MODIFY", "createdBy": "CREATED_BY_ID",
    "updatedBy": "MODIFY_BY_ID", "movedBy": "MOVED_BY_ID",
}  # fmt: skip
DIRECTORY = {
    "SOURCE": {
        "CALL": "Звонок", "EMAIL": "Электронная почта", "WEB": "Веб-сайт", "ADVERTISING": "Реклама",
        "PARTNER": "Существующий клиент", "RECOMMENDATION": "По рекомендации", "TRADE_SHOW": "Выставка",
        "WEBFORM": "CRM-форма", "CALLBACK": "Обратный звонок", "RC_GENERATOR": "Генератор продаж",
        "STORE": "Интернет-магазин", "OTHER": "Другое",
    },
    "STATUS": {
        "NEW": "Не обработан", "IN_PROCESS": "В работе", "PROCESSED": "Обработан", "CONVERTED": "Качественный лид",
        "JUNK": "Некачественный лид",
    },
    "DEAL_STAGE": {
        "NEW": "Новая", "PREPARATION": "Подготовка документов", "PREPAYMENT_INVOICE": "Счёт на предоплату",
        "EXECUTING": "В работе", "FINAL_INVOICE": "Финальный счёт", "WON": "Сделка успешна",
        "LOSE": "Сделка провалена", "APOLOGY": "Анализ причины провала",
    },
    "DEAL_TYPE": {"SALE": "Продажа", "COMPLEX": "Комплексная продажа", "SERVICES": "Услуги", "SERVICE": "Сервис"},
    "CONTACT_TYPE": {"CLIENT": "Клиенты", "SUPPLIER": "Поставщики", "PARTNER": "Партнёры", "OTHER": "Другое"},
}  # fmt: skip
WON, LOST = {"WON", "CONVERTED"}, {"LOSE", "APOLOGY", "JUNK"}


class WrongValue(ValueError):
    """A value that a field of its type does not take; the message names the field."""


def old_name(entity: int, name: str) -> str:
    """The UPPER_CASE spelling of a camelCase field."""
    if name == "stageId":
        return "STATUS_ID" if entity == LEAD else "STAGE_ID"
    return _OLD_NAMES.get(name) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def user_field_name(upper: str) -> str:
    """`UF_CRM_LEAD_SCORE` as `ufCrmLeadScore`; an underscore stays between two digits."""
    name = ""
    for part in upper.split("_"):
        joint = "_" if name[-1:].isdigit() and part[:1].isdigit() else ""
        name += joint + (part.capitalize() if name else part.lower())
    return name


def stamp(moment: datetime) -> str:
    """A date and time as the portal prints it, in its own zone."""
    return moment.astimezone(ZONE).isoformat(timespec="seconds")


def moment_of(told: str) -> datetime:
    """Raises ValueError; a time without a zone is the portal's own."""
    moment = datetime.fromisoformat(told)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZONE)


def taken(name: str, kind: str, told: Any) -> Any:
    """The value to keep for what was sent. Raises WrongValue."""
    if kind == "ids":
        values = told if isinstance(told, list) else list(told.values()) if isinstance(told, dict) else [told]
        return [_whole(name, value) for value in values if value not in ("", None)]
    if isinstance(told, (dict, list)):
        raise WrongValue(name)
    if told is None or told == "":
        return None if kind in ("integer", "user", "datetime", "date") else 0 if kind == "double" else ""
    if kind in ("integer", "user"):
        return _whole(name, told)
    if kind == "double":
        return _number(name, told)
    if kind == "boolean":
        return "Y" if told in (True, 1, "1", "Y", "y", "true") else "N"
    if kind in ("datetime", "date"):
        return _dated(name, kind, told)
    return str(told)


def _whole(name: str, told: Any) -> int:
    try:
        return int(told)
    except (TypeError, ValueError):
        raise WrongValue(name) from None


def _number(name: str, told: Any) -> float | int:
    try:
        value = float(told)
    except (TypeError, ValueError):
        raise WrongValue(name) from None
    return int(value) if value.is_integer() else value


def _dated(name: str, kind: str, told: Any) -> str:
    try:
        moment = moment_of(str(told))
    except ValueError:
        raise WrongValue(name) from None
    return stamp(moment if kind == "datetime" else moment.replace(hour=0, minute=0, second=0, microsecond=0))


def comparable(kind: str, value: Any) -> Any:
    """A value as filters and sorting compare it: numbers, moments, words without case."""
    if kind in ("integer", "user", "double"):
        try:
            return float(value or 0)
        except (TypeError, ValueError):
            return 0.0
    if kind in ("datetime", "date"):
        try:
            return moment_of(str(value)).astimezone(UTC).timestamp()
        except ValueError:
            return 0.0
    if kind == "boolean":
        return "y" if str(value).lower() in ("y", "1", "true") else "n"
    return str("" if value is None else value).lower()


def phone_key(phone: str) -> str:
    """Digits by which the portal finds duplicates: no extension, a Russian 8 is a 7."""
    digits = re.sub(r"\D", "", re.split(r"доб|ext|[;,#x]", phone.lower())[0])
    return "7" + digits[1:] if len(digits) == 11 and digits.startswith("8") else digits
