"""Two versions of the weights beside each other: on the business's own held-back examples and on the common texts.

A version may be published when it understands the business better and nobody else's words much worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from assistant.engines import Request
from assistant.engines.local import features_of
from assistant.intents import TrainedClassifier
from assistant.model import Model, lanes_of
from assistant.signs import Features, Signs
from assistant.training.examples import Example

FEWEST = 5  # held-back examples: fewer judge nothing
MARGIN = 0.02  # how much worse a version may be on the common texts, as a share of them
SURER = 0.02  # with as many right, the right meaning must have gained this much chance
LEAST_CHANCE = 1e-4


@dataclass(frozen=True)
class Figures:
    """What a version makes of some texts. Shares are 0-1."""

    count: int
    right: int  # leading intents
    labels: float  # of urgency, price, mood and the leading intent together
    chance: float  # given to the right intent: the geometric mean
    urgent_recall: float  # of the urgent ones how many were seen
    spam_precision: float  # of those called spam how many were

    @property
    def share(self) -> float:
        return self.right / self.count if self.count else 1.0

    def to_json(self) -> dict[str, float]:
        return asdict(self) | {"share": round(self.share, 4)}


Read = tuple[Example, Features]


def read(examples: Sequence[Example]) -> list[Read]:
    """The dear part of understanding, done once for all versions."""
    return [(each, features_of(Request(each.text, each.now, each.price_list, each.city))) for each in examples]


def figures(model: Model, texts: Sequence[Read]) -> Figures:
    classifier = TrainedClassifier(model)
    told = [(example, classifier.classify(features)) for example, features in texts]
    right = [verdict.intent == example.intents[0] for example, verdict in told]
    labels = [
        (verdict.urgency == example.urgency)
        + (verdict.price_sensitive == example.price_sensitive)
        + (verdict.emotion == example.emotion)
        + is_right
        for (example, verdict), is_right in zip(told, right, strict=True)
    ]
    urgent = [verdict.urgency == "high" for example, verdict in told if example.urgency == "high"]
    spam = [example.intents[0] == "spam" for example, verdict in told if verdict.intent == "spam"]
    return Figures(
        count=len(told),
        right=sum(right),
        labels=round(sum(labels) / (4 * len(told)), 4) if told else 1.0,
        chance=round(_chance(model, texts), 4),
        urgent_recall=round(sum(urgent) / len(urgent), 4) if urgent else 1.0,
        spam_precision=round(sum(spam) / len(spam), 4) if spam else 1.0,
    )


def _chance(model: Model, texts: Sequence[Read]) -> float:
    """How probable the right meaning was held to be, on the whole."""
    if not texts:
        return 1.0
    logs = []
    for example, features in texts:
        scores = {label: score / model.heat for label, score in _intents(model, features).items()}
        top = max(scores.values())
        total = sum(math.exp(score - top) for score in scores.values())
        logs.append(math.log(max(math.exp(scores[example.intents[0]] - top) / total, LEAST_CHANCE)))
    return math.exp(sum(logs) / len(logs))


def _intents(model: Model, features: Features) -> dict[str, float]:
    return lanes_of("intent", model.scores(Signs(features).blocks))


def objection(own: tuple[Figures, Figures], common: tuple[Figures, Figures]) -> str:
    """Why the second of each pair is not better than the first, in Russian; "" when it is.

    `own`: on the held-back examples of the business; `common`: on texts of all trades, beside the shipped weights."""
    before, after = own
    if after.count < FEWEST:
        return (
            f"Для проверки отложено примеров: {after.count}, нужно хотя бы {FEWEST}. Отметьте ещё сообщения: каждое"
            " пятое откладывается для проверки."
        )
    if after.right < before.right:
        return f"На ваших примерах стала хуже: верно {after.right} из {after.count}, было {before.right}."
    if after.right == before.right and after.chance < before.chance + SURER:
        return f"На ваших примерах не стала лучше: верно {after.right} из {after.count}, как и было."
    if after.labels < before.labels - MARGIN:
        return "На ваших примерах хуже видит срочность, настроение или вопрос о цене."
    return _objection_of_others(*common)


def _objection_of_others(shipped: Figures, after: Figures) -> str:
    if after.share < shipped.share - MARGIN:
        return (
            f"Обычные сообщения стала понимать хуже: верно {after.right} из {after.count}, было {shipped.right}."
            " Проверьте, нет ли среди примеров ошибочных."
        )
    if after.urgent_recall < shipped.urgent_recall - MARGIN:
        return "Стала пропускать срочные обращения. Проверьте, у всех ли таких примеров отмечена срочность."
    if after.spam_precision < shipped.spam_precision - MARGIN:
        return "Стала принимать клиентов за спам. Проверьте примеры, отмеченные как спам."
    return ""
