"""A business teaches the assistant its words: a better version is published, a worse one is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command

from assistant import model as weights
from assistant.engines import Request
from assistant.engines.local import features_of
from assistant.intents import TrainedClassifier
from assistant.learning import comparing, serving, versions
from assistant.learning.examples import Meaning, is_held_back, lessons
from assistant.learning.importing import Found, add
from assistant.model import Model
from assistant.models import ModelVersion, TrainingExample
from assistant.price_list import price_list
from assistant.training import examples as training_examples
from assistant.training import measures
from assistant.training.examples import HELD_BACK, Example, lines_of
from assistant.training.fitting import train
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


# --- Training, whole -------------------------------------------------------------------------------------------------


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


# --- From the command line -------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the common texts: what is measured here is not how well it learns."""
    monkeypatch.setattr(measures, "learned_texts", list)
    dev = lines_of(HELD_BACK / "dev.jsonl")
    monkeypatch.setattr(training_examples, "lines_of", lambda *paths: dev[:40])
    monkeypatch.setattr(comparing, "MARGIN", 0.5)


def test_the_command_trains_tells_the_figures_and_publishes(salon: Business, quick: None):
    add(corrections(), by="Виктор", now=salon.clock.now())
    out = StringIO()

    call_command("train", tenant="vesna", publish=True, stdout=out)

    told = out.getvalue()
    assert "  1 %  читает примеры" in told
    assert "100 %  готово" in told
    assert re.search(r"свои примеры для проверки: верно \d+ -> \d+ из \d+", told)
    assert "Версия 1 работает." in told
    assert versions.in_use().number == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tenant": "vesna"}, "нужно хотя бы 20"),
        ({"tenant": "nobody"}, "Нет открытого бизнеса nobody"),
        ({"publish": True}, "--publish needs --tenant"),
    ],
)
def test_the_command_says_why_not(salon: Business, options: dict, why: str):
    with pytest.raises(CommandError, match=why):
        call_command("train", **options)


def test_few_held_back_examples_judge_nothing(salon: Business, quick: None):
    add([each for each in corrections() if not is_held_back(each.text)], by="Виктор", now=salon.clock.now())

    with pytest.raises(CommandError, match="Для проверки отложено примеров: 0, нужно хотя бы 5"):
        call_command("train", tenant="vesna")
    assert ModelVersion.objects.get().status == "refused"


# --- In use ----------------------------------------------------------------------------------------------------------


def test_a_process_keeps_few_versions_and_reads_each_once(salon: Business, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(serving, "MOST", 2)
    data, base = fit_few().save(), weights.shipped().fingerprint
    rows = [
        ModelVersion.objects.create(
            number=number, weights=data, base=base, status="replaced", started_at=salon.clock.now()
        )
        for number in (1, 2, 3)
    ]
    for row in rows:
        assert serving.model(row.pk) is not None
    with django_assert_num_queries(0):
        serving.model(rows[2].pk)
    with django_assert_num_queries(1):
        serving.model(rows[0].pk)


def test_a_published_version_is_used_and_taken_back_without_a_restart(
    salon: Business, neighbour: Business, django_capture_on_commit_callbacks
):
    version = ModelVersion.objects.create(
        number=1, weights=fit_few().save(), base=weights.shipped().fingerprint, status="draft",
        started_at=salon.clock.now(),
    )  # fmt: skip
    assert config.load().model is None
    with neighbour.inside():
        theirs = config.load()

    with django_capture_on_commit_callbacks(execute=True):
        versions.publish(version.pk, by="Виктор", now=salon.clock.now())
    assert config.load().learned == version.pk
    assert config.load().model.base is weights.shipped()
    with django_capture_on_commit_callbacks(execute=True):
        versions.roll_back(by="Виктор", now=salon.clock.now())
    assert config.load().model is None
    with neighbour.inside():
        assert config.load() is theirs


def test_weights_of_another_base_are_not_used_and_nobody_waits(salon: Business):
    version = ModelVersion.objects.create(
        number=1, weights=b"x", base="another", status="published", started_at=salon.clock.now()
    )
    assert serving.published() == version.pk
    assert config.load().model is None
    assert salon.receives("telegram", "Запишите на маникюр завтра").intent == "booking"


def test_an_update_of_the_product_renews_the_version_by_itself_once(salon: Business, quick: None):
    old = ModelVersion.objects.create(
        number=1, weights=b"x", base="another", status="published", started_at=salon.clock.now()
    )
    add(corrections(), by="Виктор", now=salon.clock.now())

    salon.receives("telegram", "Запишите на маникюр завтра")

    new = versions.in_use()
    assert (new.number, new.by, versions.fits(new)) == (2, "обновление программы", True)
    config.forget_all()
    assert config.load().model is not None
    ModelVersion.objects.filter(pk=new.pk).update(status="refused")
    ModelVersion.objects.filter(pk=old.pk).update(status="published")
    versions.renew(now=salon.clock.now())
    assert ModelVersion.objects.count() == 2  # it was tried on these weights already


def fit_few() -> Model:
    texts = [Example(text, ("booking",)) for text in ("стол на субботу", "держите стол")]
    return train(texts, base=weights.shipped())


def test_the_same_words_are_always_on_the_same_side():
    assert is_held_back("Слезаем, со стола!") == is_held_back("слезаем со стола")
    held = sum(is_held_back(f"сообщение номер {number}") for number in range(1000))
    assert 150 < held < 250


def test_a_text_marked_twice_counts_once_as_marked_last(salon: Business):
    add([Found("", "слезаем со стола", Meaning("booking"))], by="Виктор", now=salon.clock.now())
    add([Found("", "слезаем со стола", Meaning("cancel"))], by="Виктор", now=salon.clock.now())

    found = lessons((), "ufa")

    assert [each.intents for each in [*found.learned, *found.held_back]] == [("cancel",)]


def test_a_training_that_died_holds_up_nobody(salon: Business):
    add(corrections(), by="Виктор", now=salon.clock.now())
    first = versions.begin(by="Виктор", now=salon.clock.now())
    with pytest.raises(versions.NotPossible, match="уже идёт"):
        versions.begin(by="Виктор", now=salon.clock.now())

    salon.clock.tick(minutes=16)

    assert versions.begin(by="Виктор", now=salon.clock.now()).number == 2
    first.refresh_from_db()
    assert first.status == "failed"
