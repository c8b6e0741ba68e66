"""A business teaches the assistant its words: a better version is published, a worse one is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from assistant import model as weights
from assistant.engines import Request
from assistant.engines.local import features_of
from assistant.intents import TrainedClassifier
from assistant.learning import comparing, serving, versions
from assistant.learning.examples import Meaning, is_held_back
from assistant.learning.importing import Found, add
from assistant.model import Model
from assistant.models import ModelVersion, TrainingExample
from assistant.price_list import price_list
from routing import config, pipeline
from tests.world import Business

GROOMING = yaml.safe_load((Path(__file__).parent / "data" / "grooming.yaml").read_text(encoding="utf-8"))
ANGRY = {"complaint": "angry"}
NOON_LOCAL = datetime(2026, 11, 25, 12)  # noqa: DTZ001 - naive by contract


def corrections(part: str = "corrected") -> list[Found]:
    return [
        Found("", text, Meaning(intent, emotion=ANGRY.get(intent, "neutral")))
        for intent, texts in GROOMING[part].items()
        for text in texts
    ]


def trained(salon: Business) -> ModelVersion:
    version = versions.begin_later(by="Виктор", now=salon.clock.now())
    salon.clock.settle()
    version.refresh_from_db()
    return version


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    serving.forget()


# --- Training, whole --------------------------------------------------------------------------------------------------


def test_corrections_of_a_new_trades_words_are_learned_and_bad_ones_refused(salon: Business, neighbour: Business):
    """150 corrections and more; beside every fifth of them, messages written apart judge what was learned."""
    taught, apart = corrections(), corrections("unseen")
    assert len(taught) >= 150
    add([*taught, *apart], by="Виктор", now=salon.clock.now())
    TrainingExample.objects.filter(text__in=[each.text for each in apart]).update(is_held_back=True)

    version = trained(salon)

    before, after = version.measures["own"]
    assert version.status == ModelVersion.Status.DRAFT, version.why
    assert version.learned + version.held_back == len(taught) + len(apart)
    assert version.held_back >= len(apart) + 20
    assert after["share"] >= before["share"] + 0.07
    assert after["chance"] >= before["chance"] + 0.15
    shipped, new = version.measures["common"]
    assert new["share"] >= shipped["share"] - comparing.MARGIN
    assert version.measures["bytes"] < 400_000

    text, intent = lifted(version)
    assert understood(salon, text) != intent  # nothing is in use yet
    versions.publish(version.pk, by="Виктор", now=salon.clock.now())
    config.forget_all()
    assert understood(salon, text) == intent
    with neighbour.inside():
        assert config.load().model is None
        assert not ModelVersion.objects.exists()

    turned = {"booking": "complaint", "cancel": "booking", "reschedule": "cancel", "price_question": "spam"}
    TrainingExample.objects.filter(is_held_back=False).delete()
    wrong = [replace(each, meaning=Meaning(turned.get(each.meaning.intent, "other"))) for each in taught]
    add([each for each in wrong if not is_held_back(each.text)], by="Виктор", now=salon.clock.now())
    worse = trained(salon)

    assert worse.status == ModelVersion.Status.REFUSED
    assert "стала хуже: верно" in worse.why
    assert worse.weights is None
    with pytest.raises(versions.NotPossible):
        versions.publish(worse.pk, by="Виктор", now=salon.clock.now())
    assert versions.in_use() == version

    assert versions.roll_back(by="Виктор", now=salon.clock.now()) is None
    config.forget_all()
    assert understood(salon, text) != intent


def lifted(version: ModelVersion) -> tuple[str, str]:
    """A message written apart that the shipped weights misunderstand and the version does not."""
    classifiers = [
        TrainedClassifier(each)
        for each in (weights.shipped(), Model.load(bytes(version.weights), base=weights.shipped()))
    ]
    for each in corrections("unseen"):
        features = features_of(Request(each.text, NOON_LOCAL, price_list(), "ufa", known_client=True))
        told = [classifier.classify(features).intent for classifier in classifiers]
        if told[0] != told[1] == each.meaning.intent:
            return each.text, each.meaning.intent
    raise AssertionError("nothing was lifted")


def understood(salon: Business, text: str) -> str:
    """What the path of a message makes of it, for a client that is known."""
    seen = pipeline._understand(text, salon.branch, config.load(), known=True, now=salon.clock.now())
    return seen.intent
