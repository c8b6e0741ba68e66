"""A draft of rules over 10,000 past leads of one business, against the least that any simulation must do: read those
leads and ask the same rules about each of them once."""

from __future__ import annotations

import statistics
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django_tenants.utils import tenant_context

from routing import config, leads, recalled, simulation
from routing.rules.reading import read_rules
from routing.ruling import facts_of, plan
from tenants.business.models import Branch, Service, StaffMember
from tenants.models import Tenant

LEADS = 10_000
ROUNDS = 3
NAMED = (
    'RULE "Жалобы": IF intent = complaint THEN assign_to = senior AND priority = high',
    'RULE "Ночь": IF time = night THEN tag = "ночь" AND create_task = "Перезвонить утром"',
    'RULE "VIP": IF customer_status = vip OR customer_status = repeat THEN assign_to = previous_manager',
    'RULE "Реклама": IF utm = ad THEN priority = high AND tag = "реклама"',
    'RULE "Инстаграм": IF source = Instagram AND time = business_hours THEN assign_to = role_receptionist',
    'RULE "Горячие": IF temperature = hot AND load < 90 THEN assign_to = role_receptionist AND strategy = least_loaded',
    'RULE "Цены": IF intent = price_question AND price_sensitive = yes THEN tag = "цена"',
    'RULE "Ждут": IF response_time > 10min THEN reassign_to = backup',
    'RULE "Акция": IF promo IS SET AND NOT (time = weekend) THEN notify = role_marketing',
    'RULE "Остальное": IF score >= 40 THEN tag = "тёплые и выше"',
)
_MAKE = """
WITH contact AS (
    INSERT INTO contacts_contact (name, email, is_vip, note, created_at)
    SELECT 'Клиент ' || n, '', n %% 37 = 0, '', %(first)s FROM generate_series(1, %(count)s / 2) n RETURNING id
), identity AS (
    INSERT INTO contacts_identity (contact_id, kind, external_id, display_name, claimed_phone, is_unreachable,
        code_hash, code_attempts, codes_sent)
    SELECT id, 'telegram', 'sim-' || id, '', '', false, '', 0, 0 FROM contact RETURNING id, contact_id
), conversation AS (
    INSERT INTO contacts_conversation (identity_id, contact_id, account_id, state, needs_person, seen_message_id,
        is_test, created_at)
    SELECT id, contact_id, 0, '{}', false, 0, false, %(first)s FROM identity RETURNING id, contact_id
), numbered AS (
    SELECT c.*, twice, row_number() OVER (ORDER BY twice, c.id) AS n FROM conversation c, generate_series(0, 1) twice
), lead AS (
    INSERT INTO routing_lead (contact_id, conversation_id, kind, branch_id, service_id, status, stage, temperature,
        score, score_parts, intent, urgency, emotion, is_price_sensitive, summary, tags, utm_source, utm_medium,
        utm_campaign, utm_content, utm_term, promo, page, owner_id, is_test, created_at, last_client_at,
        first_answer_by, outcome_at, clock, priority, breaches, changed_at)
    SELECT contact_id, id, (ARRAY['telegram', 'instagram', 'webchat', 'form'])[1 + n %% 4], %(branch)s,
        (%(services)s::bigint[])[1 + n %% %(kinds)s], 'refused', 'booking', 'warm', 50, '[]',
        (ARRAY['booking', 'price_question', 'other', 'consultation', 'complaint', 'booking', 'booking'])[1 + n %% 7],
        CASE WHEN n %% 50 = 0 THEN 'high' ELSE 'normal' END, 'neutral', n %% 5 = 0, 'стрижка', '{}',
        CASE WHEN n %% 3 = 0 THEN 'yandex' ELSE '' END, CASE WHEN n %% 3 = 0 THEN 'cpc' ELSE '' END, '', '', '',
        CASE WHEN n %% 11 = 0 THEN 'весна' ELSE '' END, '', NULL, false,
        %(first)s + n * interval '7 minutes', %(first)s + n * interval '7 minutes', '',
        %(first)s + n * interval '7 minutes' + interval '50 minutes', '', 0, 0, %(first)s
    FROM numbered RETURNING id, created_at, outcome_at
)
INSERT INTO routing_assignment (lead_id, staff_id, reason, created_at, taken_at, ended_at, end_reason)
SELECT id, (%(staff)s::bigint[])[1 + id %% %(people)s], '', created_at, created_at + interval '1 second' * (id %% 200),
    outcome_at, '' FROM lead WHERE id %% 2 = 0
"""


def measure(now: datetime, slug: str = "bench-0") -> dict[str, Any]:
    """Seconds for so many leads, leads a second, and how many times as long as the reference takes."""
    with tenant_context(Tenant.objects.get(slug=slug)):
        _make_leads(now)
        config.forget_all()
        known = config.load()
        before, after = read_rules("\n".join(NAMED[:5])).rules, read_rules("\n".join(NAMED)).rules
        assert len(after) == len(NAMED)
        times, references = [], []
        for _ in range(ROUNDS):
            references.append(_least(known, after))
            started = time.perf_counter()
            result = simulation.compare(before, after, simulation.load(LEADS, known, now=now))
            times.append(time.perf_counter() - started)
        assert result["leads"] == LEADS
        assert result["differing"] > LEADS / 10
    seconds, reference = statistics.median(times), statistics.median(references)
    return {
        "leads": LEADS,
        "seconds": round(seconds, 2),
        "leads_per_s": round(LEADS / seconds),
        "least_s": round(reference, 2),
        "ratio": round(seconds / reference, 1),
    }


def _least(known: config.Config, rules: tuple) -> float:
    """Read the leads, and ask the rules about each."""
    started = time.perf_counter()
    for lead in recalled.last_leads(LEADS):
        facts = facts_of(lead, leads.past_at((), lead.created_at), known, now=lead.created_at)
        plan(rules, facts, "new_lead")
    return time.perf_counter() - started


def _make_leads(now: datetime) -> None:
    services = list(Service.objects.filter(is_active=True).values_list("pk", flat=True))
    staff = list(StaffMember.objects.filter(is_active=True, role="receptionist").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            _MAKE,
            {
                "first": now - timedelta(minutes=7 * LEADS + 60),
                "count": LEADS,
                "branch": Branch.objects.values_list("pk", flat=True).first(),
                "services": services,
                "kinds": len(services),
                "staff": staff,
                "people": len(staff),
            },
        )
