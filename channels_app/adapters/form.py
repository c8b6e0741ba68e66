"""A form on a business's site: Tilda's webhook, any site's own JSON or form fields."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

from channels_app.adapters.base import Adapter, Rejected, Unreadable, digest, read_json, try_json
from channels_app.adapters.webchat import words_of
from contacts.incoming import Incoming
from contacts.phones import normalize
from tenants.models import ChannelKind

KEY_HEADER = "X-Api-Key"
LONGEST_VALUE = 10_000  # characters

# A field's meaning -> how site owners call it: lower case, without punctuation and spaces.
_NAMES = {
    "name": {"name", "имя", "вашеимя", "фио", "yourname", "firstname", "fullname", "username", "clientname"}
    | {"имяклиента"},
    "phone": {"phone", "tel", "telephone", "mobile", "phonenumber", "yourphone", "телефон", "тел", "ваштелефон"}
    | {"номертелефона", "номер", "мобильный", "контактныйтелефон", "телефондлясвязи"},
    "email": {"email", "mail", "youremail", "почта", "вашапочта", "электроннаяпочта", "имейл", "емейл"},
    "text": {"text", "message", "comment", "comments", "textarea", "question", "yourmessage", "input"}
    | {"комментарий", "комментарии", "сообщение", "вопрос", "вашвопрос", "вашесообщение", "текст", "пожелания"},
    "promo": {"promo", "promocode", "coupon", "промокод", "промо", "купон"},
    "page": {"page", "pageurl", "url", "referer", "referrer", "formurl", "страница", "адресстраницы"},
    "id": {"tranid", "clientkey", "requestid"},
    "cookies": {"cookies"},
    "form": {"formname", "названиеформы"},
}
_MEANINGS = {name: meaning for meaning, names in _NAMES.items() for name in names}
# Of the form builder, not of the client.
_SILENT = {"formid", "formname", "test", "apikey", "visitor", "agreement", "consent", "согласие", "policy", "payment"}
_UTM_IN_COOKIES = re.compile(r"(utm_[a-z]+)=([^|;&]+)")


class Form(Adapter):
    kind = ChannelKind.FORM
    is_public = True

    # In

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """Tilda signs nothing: the key in the address is the secret; a business may ask for an API key besides."""
        if not secret:
            return True
        told = headers.get(KEY_HEADER, "") or _field(headers, body, "apikey")
        return hmac.compare_digest(told.encode("utf-8", "replace"), secret.encode())

    def event_key(self, headers: Mapping[str, str], body: bytes) -> str:
        number = _field(headers, body, "tranid") or _field(headers, body, "clientkey")
        return digest("form", number) if number else ""

    def parse(self, body: bytes, content_type: str) -> list[Incoming]:
        fields = read_fields(body, content_type)
        if dict(fields).get("test") == "test" and len(fields) <= 2:
            return [Incoming(kind="ignored", reason="проверка связи от конструктора сайта")]
        told, others, utm = _sorted_out(fields)
        raw_phone, page = told.get("phone", ""), told.get("page", "")
        phone, email = normalize(raw_phone), _email(told.get("email", ""))
        if raw_phone and not phone:
            others.append(("Телефон (не разобран)", raw_phone))
        return [
            Incoming(
                kind="message",
                external_user_id=phone or email.lower(),
                external_message_id=digest("form", told["id"]) if told.get("id") else "",
                text=_words(told, others),
                display_name=told.get("name", ""),
                name=told.get("name", ""),
                phone=phone,
                email=email,
                utm=words_of(_utm_of_page(page) | _utm_of_cookies(told.get("cookies", "")) | utm),
                promo=told.get("promo", ""),
                page=page,
            )
        ]

    # Out

    def send(self, to: str, text: str, choices: Sequence[str] = (), *, key: str) -> str:
        raise Rejected("через форму ответить нельзя")


def read_fields(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Names and values as they stand in the body, in order. Raises Unreadable."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        pairs = _multipart(body, content_type)
    elif kind == "application/json" or (kind != "application/x-www-form-urlencoded" and body.lstrip()[:1] == b"{"):
        pairs = _json_fields(body)
    else:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding=_charset_of_query(body))
        # What is not percent-encoded came through as Latin-1.
        pairs = [(_recoded(name, body), _recoded(value, body)) for name, value in pairs]
    pairs = [(name.strip(), value.strip()[:LONGEST_VALUE]) for name, value in pairs]
    if not any(name and value for name, value in pairs):
        raise Unreadable("в форме нет ни одного заполненного поля")
    return [(name, value) for name, value in pairs if name and value]


def _json_fields(body: bytes) -> list[tuple[str, str]]:
    told = read_json(_decoded(body).encode("utf-8", "surrogatepass"))
    if not isinstance(told, dict):
        raise Unreadable("ожидается объект с полями формы")
    return list(_flat(told))


def _flat(told: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Values as text; of nested maps only the inner names count ({"utm": {"source": ...}} keeps its meaning)."""
    for name, value in told.items():
        if name.lower() == "utm" and isinstance(value, dict):
            yield from ((f"utm_{mark.removeprefix('utm_')}", str(one)) for mark, one in value.items())
        elif isinstance(value, dict):
            yield from _flat(value)
        elif isinstance(value, list):
            yield name, ", ".join(str(one) for one in value if isinstance(one, (str, int, float)))
        elif isinstance(value, bool):
            yield name, "да" if value else "нет"
        elif value is not None:
            yield name, str(value)


def _multipart(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Text parts; an attached file leaves its name."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    mail = BytesParser(policy=HTTP).parsebytes(head + body)
    if not mail.is_multipart():
        raise Unreadable("составное тело без частей")
    pairs = []
    for part in mail.iter_parts():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        value = part.get_filename() or (_decoded(content) if isinstance(content, bytes) else "")
        if isinstance(name, str):
            pairs.append((name, value))
    return pairs


def _decoded(raw: bytes) -> str:
    """UTF-8; else the Windows encoding that old Russian sites still send."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1251", "replace")


def _charset_of_query(body: bytes) -> str:
    try:
        unquote_plus(body.decode("latin-1"), encoding="utf-8", errors="strict")
    except UnicodeDecodeError:
        return "cp1251"
    return "utf-8"


def _recoded(text: str, body: bytes) -> str:
    if body.isascii():
        return text
    try:
        return _decoded(text.encode("latin-1"))
    except UnicodeEncodeError:
        return text


def _field(headers: Mapping[str, str], body: bytes, wanted: str) -> str:
    """One field before anything is stored; "" when it is not there or the body cannot be read."""
    try:
        fields = read_fields(body, headers.get("Content-Type", ""))
    except (Unreadable, ValueError, LookupError, RecursionError):
        return str(try_json(body).get(wanted) or "")
    return next((value for name, value in fields if _plain(name) == wanted), "")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _sorted_out(fields: Sequence[tuple[str, str]]) -> tuple[dict[str, str], list[tuple[str, str]], dict[str, str]]:
    """What is known by name (the first of a kind), the other answers of the client, the UTM marks."""
    told: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    utm: dict[str, str] = {}
    for name, value in fields:
        plain = _plain(name)
        meaning = _MEANINGS.get(plain)
        if name.lower().startswith("utm_"):
            utm[name.lower()] = value
        elif meaning and meaning not in told:
            told[meaning] = value
        elif meaning not in ("cookies", "id", "form") and plain not in _SILENT and value != told.get(meaning or ""):
            others.append((name, value))
    return told, others, utm


def _words(told: Mapping[str, str], others: Iterable[tuple[str, str]]) -> str:
    """The form as a message: the client's own words, then every other answer by its name."""
    lines = [told["text"]] if told.get("text") else []
    lines += [f"{name}: {value}" for name, value in others]
    if not lines:
        lines = [f"Заявка с сайта: {told['form']}" if told.get("form") else "Заявка с сайта"]
    return "\n".join(lines)


def _email(text: str) -> str:
    return text if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text) and len(text) <= 254 else ""


def _utm_of_page(page: str) -> dict[str, str]:
    try:
        asked = parse_qs(urlsplit(page).query)
    except ValueError:
        return {}
    return {name.lower(): values[0] for name, values in asked.items() if name.lower().startswith("utm_")}


def _utm_of_cookies(cookies: str) -> dict[str, str]:
    """Tilda's cookie TILDAUTM: utm_source=insta|||utm_campaign=may, percent-encoded."""
    return dict(_UTM_IN_COOKIES.findall(unquote_plus(cookies)))
