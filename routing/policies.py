"""Which terms a lead is entitled to: the usual ones, with exceptions by temperature, service, channel, stage. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from routing.models import SlaPolicy

USUAL = "Основные сроки"


@dataclass(frozen=True)
class LeadFacts:
    """What conditions of a policy ask about a lead."""

    temperature: str
    service_id: int | None
    category: str
    channel: str
    stage: str


@dataclass(frozen=True)
class Terms:
    """Every term of one lead, and which policy each of them comes from."""

    values: Mapping[str, int | bool | str]
    sources: Mapping[str, str]
    is_hot: bool

    def __getitem__(self, name: str) -> int | bool | str:
        return self.values[name]

    def number(self, name: str) -> int:
        return int(self.values[name])

    def seconds(self, clock: str) -> float:
        """Allowance of a clock, by its name in `clocks.KINDS`."""
        name, unit = self._field(clock)
        return float(self.number(name) * unit)

    def source(self, clock: str) -> str:
        """Name of the policy that gave the clock."""
        return self.sources[self._field(clock)[0]]

    def _field(self, clock: str) -> tuple[str, int]:
        if clock == "confirm":
            return ("hot_confirm_minutes" if self.is_hot else "other_confirm_minutes"), 60
        return {
            "answer": ("assistant_answer_seconds", 1),
            "take": ("hot_take_seconds", 1),
            "person": ("person_answer_seconds", 1),
            "silence": ("silence_minutes", 60),
            "card": ("crm_card_minutes", 60),
        }[clock]


def policy_for(lead: LeadFacts, policies: Sequence[SlaPolicy]) -> Terms:
    """The terms of a lead: each from the most specific policy that holds for it and sets it (of equals the first by
    position), else from the usual ones, else the product's own."""
    values: dict[str, int | bool | str] = dict(SlaPolicy.DEFAULTS)
    sources = dict.fromkeys(values, USUAL)
    holding = [policy for policy in policies if holds(policy, lead)]
    for policy in sorted(holding, key=_precedence, reverse=True):  # the strongest speaks last
        for name in values:
            if (own := getattr(policy, name)) not in (None, ""):
                values[name], sources[name] = own, str(policy)
    return Terms(values, sources, is_hot=lead.temperature == "hot")


def holds(policy: SlaPolicy, lead: LeadFacts) -> bool:
    """Whether all conditions of a policy are true of the lead; one without conditions always holds."""
    return (
        policy.temperature in ("", lead.temperature)
        and policy.service_id in (None, lead.service_id)
        and policy.category in ("", lead.category)
        and policy.channel in ("", lead.channel)
        and policy.stage in ("", lead.stage)
    )


def _precedence(policy: SlaPolicy) -> tuple:
    """The least is the strongest: most conditions, a service before its category, then the position."""
    conditions = (policy.temperature, policy.service_id, policy.category, policy.channel, policy.stage)
    return (-sum(bool(each) for each in conditions), policy.service_id is None, policy.position, policy.pk or 0)
