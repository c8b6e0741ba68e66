"""Campaigns: short links, codes that survive into a messenger, and whose lead it is.

A link carries the campaign's code: as the payload of a bot's start, as a group's ref, or in the words that WhatsApp
puts into the client's first message. The code is looked for among the business's own campaigns only; anything else is
just text."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django_tenants.utils import tenant_context

from contacts.phones import normalize
from routing import config as configs
from routing.config import Config
from routing.models import Campaign, Lead
from tenants.models import ShortLink, Tenant

Landing = Campaign.Landing
GREETING = "Здравствуйте! Хочу записаться"
CODE_LENGTH = 5
# No letter that is read as a digit; every letter looks the same in both alphabets, so a code may be typed in either.
_LETTERS, _DIGITS = "ABCEHKMPTX", "2346789"
_TO_LATIN = str.maketrans("АВСЕНКМРТХ", _LETTERS)
# «(код AB12C)», «код: ав12с». What has no digit or no letter is a word or a one-time code.
_CODE = re.compile(
    r"(?P<open>\()?\bкод[\s:№#-]*(?P<code>(?=[a-zа-я\d]*\d)(?=[a-zа-я\d]*[a-zа-я])[a-zа-я\d]{4,8})\b(?(open)\))",
    re.IGNORECASE,
)
_START = re.compile(r"^/start[ \t]+(?P<code>[\w-]{4,8})[ \t]*$", re.MULTILINE)
_OPENED = re.compile(r"^/start\b", re.MULTILINE)
_BOT = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,63}")
_GROUP = re.compile(r"[A-Za-z0-9_.]{2,64}")


class WrongAddress(ValueError):
    """A link cannot lead there; str() says why in Russian."""


# --- Codes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coded:
    """A code and the words without it."""

    code: str
    rest: str


def code_in(text: str) -> Coded | None:
    """The code a client's words carry: «Хочу записаться (код AB12C)», «/start AB12C». None: none. Pure.

    Whether there is such a campaign is for the caller to see."""
    found = _START.search(text) or _CODE.search(text)
    if found is None:
        return None
    if found.re is _START:
        rest = f"{text[: found.start()]}/start{text[found.end() :]}"
    else:
        rest = f"{text[: found.start()].rstrip(' ,;:-')} {text[found.end() :].lstrip(' ,.;:-')}"
    return Coded(plain(found["code"]), rest.strip())


def plain(code: str) -> str:
    """A code as it is kept, however it was typed."""
    return code.strip().upper().translate(_TO_LATIN)


def new_code() -> str:
    """Letters and digits, always both: a word is never a code."""
    letters = [secrets.choice(_LETTERS) for _ in range(2)]
    digits = [secrets.choice(_DIGITS)]
    rest = [secrets.choice(_LETTERS + _DIGITS) for _ in range(CODE_LENGTH - 3)]
    code = letters + digits + rest
    secrets.SystemRandom().shuffle(code)
    return "".join(code)


# --- Where links lead -------------------------------------------------------------------------------------------------


def address(landing: str, told: str) -> str:
    """An address as it is kept: a phone, a bot's or a group's name, a page. "" stays "". Raises WrongAddress."""
    told = told.strip()
    if not told:
        return ""
    if landing == Landing.WHATSAPP:
        phone = normalize(told)
        if not phone:
            raise WrongAddress("Укажите номер WhatsApp, например +7 917 000-12-34.")
        return phone
    if landing in (Landing.WEBCHAT, Landing.FORM):
        return _page(told)
    name = re.sub(r"^(https?://)?((www|m)\.)?(t\.me|telegram\.me|vk\.com|vk\.ru|vk\.me|max\.ru)/", "", told)
    name = name.strip("@/ ").partition("?")[0]
    shape = _GROUP if landing == Landing.VK else _BOT
    if not shape.fullmatch(name):
        raise WrongAddress("Укажите имя из адреса, латиницей: например vesna_ufa.")
    return name


def _page(told: str) -> str:
    told = told if "://" in told else f"https://{told}"
    try:
        parts = urlsplit(told)
    except ValueError:
        raise WrongAddress("Укажите адрес страницы целиком, например https://vesna-ufa.ru.") from None
    host = parts.hostname or ""
    is_host = "." in host or host == urlsplit(settings.PUBLIC_URL).hostname  # our own may be a machine's mere name
    if parts.scheme not in ("http", "https") or not is_host or " " in told or len(told) > 300:
        raise WrongAddress("Укажите адрес страницы целиком, например https://vesna-ufa.ru.")
    return told


def target(campaign: Campaign, landing: str) -> str:
    """Where the client is sent; "" when the business gave no such address."""
    where = campaign.addresses.get(landing, "")
    if not where:
        return ""
    if landing == Landing.WHATSAPP:
        return f"https://wa.me/{where.lstrip('+')}?text={quote(first_words(campaign.code))}"
    if landing == Landing.TELEGRAM:
        return f"https://t.me/{where}?start={campaign.code}"
    if landing == Landing.VK:
        return f"https://vk.me/{where}?" + urlencode({"ref": campaign.code, "ref_source": campaign.utm_source})
    if landing == Landing.MAX:
        return f"https://max.ru/{where}?start={campaign.code}"
    return _with_marks(where, campaign)


def first_words(code: str) -> str:
    """What WhatsApp writes for the client, who only has to send it."""
    return f"{GREETING} (код {code})"


def _with_marks(page: str, campaign: Campaign) -> str:
    """The page's own query stays; marks of the same name are ours."""
    parts = urlsplit(page)
    marks = {name: value for name, value in {**marks_of(campaign), "promo": campaign.promo}.items() if value}
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in marks]
    return urlunsplit(parts._replace(query=urlencode([*kept, *marks.items()])))


def marks_of(campaign: Campaign) -> dict[str, str]:
    """The campaign's UTM marks by their full names, empty ones too."""
    return {f"utm_{name}": getattr(campaign, f"utm_{name}") for name in MARKS}


MARKS = ("source", "medium", "campaign", "content", "term")
# What people write of a campaign. The rest is not saved with it: clicks are counted meanwhile.
WRITTEN = ("name", *(f"utm_{name}" for name in MARKS), "promo", "landing", "addresses")


def link(campaign: Campaign, landing: str = "") -> str:
    """The short link; without a landing it leads where the campaign's own setting says."""
    return f"{settings.PUBLIC_URL}/go/{campaign.code}" + (f"/{landing}" if landing else "")


# --- Opened, edited, closed -------------------------------------------------------------------------------------------


@transaction.atomic
def save(campaign: Campaign, *, now: datetime) -> Campaign:
    """Keep a campaign; a new one gets its code and its short link."""
    campaign.utm_campaign = campaign.utm_campaign or mark_from(campaign.name)
    if campaign.pk:
        campaign.save(update_fields=WRITTEN)
        return campaign
    campaign.created_at = now
    tenant = Tenant.objects.get(schema_name=connection.schema_name)
    for _ in range(20):
        campaign.code = new_code()
        try:
            with transaction.atomic():
                given = ShortLink.objects.create(code=campaign.code, tenant=tenant, campaign_id=0)
        except IntegrityError:
            continue  # another business has it
        campaign.save()
        given.campaign_id = campaign.pk
        given.save(update_fields=["campaign_id"])
        return campaign
    raise RuntimeError("no free code was found")


def mark_from(name: str) -> str:
    """A campaign's mark where nobody chose one."""
    return "-".join(name.lower().split())[:120]


def close(campaign: Campaign, *, now: datetime) -> None:
    """Its links lead nowhere any more; a code that comes in a message is still known."""
    campaign.closed_at = campaign.closed_at or now
    campaign.save(update_fields=["closed_at"])


def reopen(campaign: Campaign) -> None:
    campaign.closed_at = None
    campaign.save(update_fields=["closed_at"])


# --- A click ----------------------------------------------------------------------------------------------------------


def follow(code: str, landing: str, *, is_counted: bool, now: datetime) -> str:
    """Where a short link leads now, and the click counted by day; "" for a code that is unknown or closed.

    Called outside any tenant: the link's own business is entered."""
    found = ShortLink.objects.select_related("tenant").filter(code=plain(code), tenant__closed_at=None).first()
    if found is None:
        return ""
    with tenant_context(found.tenant):
        campaign = Campaign.objects.filter(pk=found.campaign_id, closed_at=None).first()
        if campaign is None:
            return ""
        where = target(campaign, landing or campaign.landing)
        if where and is_counted:
            _count(campaign, now=now)
        return where


_COUNT = """
UPDATE routing_campaign SET clicks = jsonb_set(clicks, ARRAY[%(day)s],
    to_jsonb(COALESCE((clicks ->> %(day)s)::int, 0) + 1))
WHERE id = %(id)s
"""


def _count(campaign: Campaign, *, now: datetime) -> None:
    day = now.astimezone(configs.load().branches[0].zone).date().isoformat()
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"day": day, "id": campaign.pk})


# --- A lead -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arrival:
    """What a client came with: the campaign, if a code of the business was told, and the words without the code."""

    campaign: Campaign | None
    text: str


def arrival(text: str, origin: Mapping[str, Any], config: Config) -> Arrival:
    """Read the code out of the words, else out of what the link carried into the chat. An unknown code is just text;
    «/start» is the bot's own button and reads as a greeting."""
    told = code_in(text)
    if told and (found := of_code(told.code, config)):
        return Arrival(found, _greeting(told.rest) or GREETING)
    return Arrival(of_code(plain(str(origin.get("code") or "")), config), _greeting(text))


def _greeting(text: str) -> str:
    return _OPENED.sub("Здравствуйте!", text)


def of_code(code: str, config: Config) -> Campaign | None:
    return next((one for one in config.campaigns if one.code == code), None) if code else None


def of_marks(source: str, campaign: str, config: Config) -> Campaign | None:
    """The campaign whose source and campaign marks these are."""
    wanted = (source.lower(), campaign.lower())
    if not all(wanted):
        return None
    found = (one for one in config.campaigns if (one.utm_source.lower(), one.utm_campaign.lower()) == wanted)
    return next(found, None)


def origin_of(came: Arrival, origin: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the client came from, by the campaign's own marks where its code was told."""
    if came.campaign is None:
        return origin
    return {**origin, "utm": marks_of(came.campaign), "promo": came.campaign.promo or origin.get("promo", "")}


def attribute(lead: Lead, came: Arrival, config: Config) -> tuple[str, list[tuple[str, str]]] | None:
    """Put the campaign on the lead, unsaved; the first one stays. Title and lines for the decision record; None: it
    came from none, or that is known already."""
    if lead.campaign_id:
        return None
    campaign = of_marks(lead.utm_source, lead.utm_campaign, config)
    if campaign is None:
        return None
    lead.campaign = campaign
    lead.promo = lead.promo or campaign.promo
    lines = [("Источник", campaign.utm_source), ("Вид рекламы", campaign.utm_medium), ("Метка", campaign.utm_campaign)]
    lines += [("Объявление", lead.utm_content), ("Запрос", lead.utm_term), ("Промокод", campaign.promo)]
    lines.append(("По чему узнали", f"код {campaign.code}" if came.campaign == campaign else "метки страницы"))
    return f"С рекламы: {campaign.name}", [(name, value) for name, value in lines if value]
