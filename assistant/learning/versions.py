"""A version of the weights: trained on the business's examples, judged, published, taken back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Max

from assistant.learning import comparing, serving
from assistant.learning.examples import Lessons, lessons
from assistant.model import Model, shipped
from assistant.models import ModelVersion
from assistant.price_list import price_list
from assistant.understanding import ServiceInfo
from leadhub import clock
from leadhub.work import TryLater, later
from tenants.business.models import Branch

logger = logging.getLogger(__name__)

FEWEST = 20  # examples to learn from: fewer teach nothing that a check could show
UPDATE = "обновление программы"
DEAD_AFTER = timedelta(minutes=15)  # a training that nobody is at any more
READ, FITTED = 55, 80  # percent: when the common texts are read, when the weights are found

Status = ModelVersion.Status
Tell = Callable[[str, int], None]  # stage in Russian, percent


class NotPossible(Exception):
    """It cannot be so; str() says why, in Russian."""


# --- Training ---------------------------------------------------------------------------------------------------------


def begin(*, by: str, now: datetime) -> ModelVersion:
    """A new version that waits for `run`. Raises NotPossible: too few examples, or another one is being trained."""
    _bury_the_dead(now=now)
    count = len(lessons((), "").learned)
    if count < FEWEST:
        raise NotPossible(f"Примеров для обучения пока {count}, нужно хотя бы {FEWEST}.")
    last = ModelVersion.objects.aggregate(last=Max("number"))["last"] or 0
    try:
        with transaction.atomic():
            return ModelVersion.objects.create(number=last + 1, by=by[:120], started_at=now, stage="ждёт очереди")
    except IntegrityError:
        raise NotPossible("Обучение уже идёт.") from None


def begin_later(*, by: str, now: datetime) -> ModelVersion:
    """As `begin`; workers of long jobs do it. Raises NotPossible."""
    with transaction.atomic():
        version = begin(by=by, now=now)
        later("assistant.train", version.pk)
    return version


def run(version_id: int, *, tell: Tell | None = None) -> ModelVersion:
    """Train and judge a version that was begun; its row tells how far it is. One that is done stays as it is.

    Raises TryLater when another worker is at it."""
    version = ModelVersion.objects.get(pk=version_id)
    with _alone(version.pk):
        version.refresh_from_db()
        if version.status == Status.TRAINING:
            try:
                _train(version, tell or (lambda stage, percent: None))
            except (OperationalError, InterfaceError):
                raise  # the database went away: it is tried again
            except BaseException as error:
                _fail(version, "Обучение прервалось. Попробуйте ещё раз.")
                if not isinstance(error, Exception):
                    raise  # interrupted at a keyboard
                logger.exception("version %s of the weights was not trained", version.pk)
    return version


def renew(*, now: datetime) -> None:
    """After an update of the product the version in use no longer fits: the same examples are learned on the new
    weights, once, and what is better than those is in use again."""
    current = in_use()
    if current is None or fits(current) or ModelVersion.objects.filter(base=shipped().fingerprint).exists():
        return
    try:
        version = run(begin(by=UPDATE, now=now).pk)
        if version.status == Status.DRAFT:
            publish(version.pk, by=UPDATE, now=clock.now())
    except NotPossible as why:
        logger.warning("version %s of the weights is not renewed: %s", current.pk, type(why).__name__)


def _train(version: ModelVersion, tell: Tell) -> None:
    def say(stage: str, percent: int) -> None:
        ModelVersion.objects.filter(pk=version.pk).update(stage=stage, percent=percent)
        tell(stage, percent)

    say("читает примеры", 1)
    prices = price_list()
    branch = Branch.objects.filter(is_active=True).first()
    taught = lessons(prices, branch.city if branch else "ufa")
    in_use = ModelVersion.objects.filter(status=Status.PUBLISHED).first()
    model = _fitted(taught, prices, say)
    data = model.save()
    model = Model.load(data, base=shipped())
    say("сравнивает с прежней версией", FITTED)
    before = serving.model(in_use.pk if in_use else 0) or shipped()
    held_back = comparing.read(taught.held_back)
    own = comparing.figures(before, held_back), comparing.figures(model, held_back)
    common = _on_common_texts(model, prices)
    version.why = comparing.objection(own, common)
    version.status = Status.REFUSED if version.why else Status.DRAFT
    version.weights = None if version.why else data
    version.base = shipped().fingerprint
    version.compared_with = in_use.number if in_use else 0
    version.learned, version.held_back = len(taught.learned), len(taught.held_back)
    version.measures = {
        "own": [each.to_json() for each in own],
        "common": [each.to_json() for each in common],
        "bytes": len(data),
    }
    version.stage, version.percent, version.finished_at = "", 100, clock.now()
    version.save()
    tell("готово", 100)


def _fitted(taught: Lessons, prices: Sequence[ServiceInfo], say: Tell) -> Model:
    """Weights on top of the shipped ones, which keep what they know where the examples do not speak of it."""
    from assistant.training import fitting  # numpy and scipy, which no client waits for
    from assistant.training.examples import Example
    from assistant.training.measures import learned_texts

    def known() -> Iterator[Example]:
        lines = learned_texts()
        for number, line in enumerate(lines):
            if number % 200 == 0:
                say("повторяет общие тексты", 2 + READ * number // len(lines))
            yield Example.read(line, prices)
        say("подбирает веса", READ)

    return fitting.train(taught.learned, base=shipped(), known=known())


def _on_common_texts(model: Model, prices: Sequence[ServiceInfo]) -> tuple[comparing.Figures, comparing.Figures]:
    """The shipped weights and the new ones on texts of all trades that neither was fitted to. All are read with the
    business's own price list, so the figures are for comparing only."""
    from assistant.training.examples import HELD_BACK, Example, lines_of

    texts = comparing.read([Example.read(line, prices) for line in lines_of(HELD_BACK / "dev.jsonl")])
    return comparing.figures(shipped(), texts), comparing.figures(model, texts)


def _fail(version: ModelVersion, why: str) -> None:
    version.status, version.why, version.stage, version.finished_at = Status.FAILED, why, "", clock.now()
    version.save(update_fields=["status", "why", "stage", "finished_at"])


@contextmanager
def _alone(version_id: int) -> Iterator[None]:
    """Nobody else trains this version meanwhile, also when a lease ran out. Raises TryLater."""
    if not _lock(version_id):
        raise TryLater("another worker trains this version", counts=False)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s), %s)", [_lock_name(), version_id])


def _lock(version_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s), %s)", [_lock_name(), version_id])
        return cursor.fetchone()[0]


def _lock_name() -> str:
    return f"train {connection.schema_name}"  # type: ignore[attr-defined]  # the tenants backend has it


def _bury_the_dead(*, now: datetime) -> None:
    """A training whose process was killed and whom no due work brings back holds up nobody."""
    for version in ModelVersion.objects.filter(status=Status.TRAINING, started_at__lt=now - DEAD_AFTER):
        try:
            with _alone(version.pk):
                _fail(version, "Обучение прервалось. Попробуйте ещё раз.")
        except TryLater:
            continue


# --- In use -----------------------------------------------------------------------------------------------------------


def in_use() -> ModelVersion | None:
    """The published version; None: the shipped weights are in use."""
    return ModelVersion.objects.filter(status=Status.PUBLISHED).defer("weights").first()


def fits(version: ModelVersion) -> bool:
    """Whether its weights stand on the shipped ones. After an update of the product it must be trained anew."""
    return version.base == shipped().fingerprint


@transaction.atomic
def publish(version_id: int, *, by: str, now: datetime) -> ModelVersion:
    """Every process understands with this version within seconds. Raises NotPossible when it is not better than the one
    in use, or was compared with another."""
    version, current = _locked(version_id)
    if version.status != Status.DRAFT:
        raise NotPossible(version.why or "Эту версию включить нельзя.")
    if not fits(version):
        raise NotPossible("Программа обновилась, версия обучена на прежней основе. Обучите заново.")
    if version.compared_with != (current.number if current else 0):
        raise NotPossible("С тех пор работает другая версия. Обучите заново, чтобы сравнить с ней.")
    _leave(current, Status.REPLACED)
    return _use(version, by=by, now=now)


@transaction.atomic
def bring_back(version_id: int, *, by: str, now: datetime) -> ModelVersion:
    """A version that was in use before is in use again. Raises NotPossible."""
    version, current = _locked(version_id)
    if version.status not in (Status.REPLACED, Status.ROLLED_BACK):
        raise NotPossible("Эта версия не работала раньше.")
    if not fits(version):
        raise NotPossible("Программа обновилась, версия обучена на прежней основе. Обучите заново.")
    _leave(current, Status.REPLACED)
    return _use(version, by=by, now=now)


@transaction.atomic
def roll_back(*, by: str, now: datetime) -> ModelVersion | None:
    """The version in use goes, the one before it comes back; None: the shipped weights do. Raises NotPossible when
    nothing was published."""
    rows = ModelVersion.objects.select_for_update().filter(status__in=[Status.PUBLISHED, Status.REPLACED])
    found = list(rows.order_by("-published_at"))
    current = next((row for row in found if row.status == Status.PUBLISHED), None)
    if current is None:
        raise NotPossible("Своей версии нет: работает общая.")
    before = next((row for row in found if row.status == Status.REPLACED and fits(row)), None)
    _leave(current, Status.ROLLED_BACK)
    return _use(before, by=by, now=now) if before else None


def _locked(version_id: int) -> tuple[ModelVersion, ModelVersion | None]:
    """The version and the one in use."""
    rows = ModelVersion.objects.select_for_update()
    found = {row.pk: row for row in rows.filter(pk=version_id) | rows.filter(status=Status.PUBLISHED)}
    if version_id not in found:
        raise NotPossible("Такой версии нет.")
    current = next((row for row in found.values() if row.status == Status.PUBLISHED), None)
    return found[version_id], current


def _leave(current: ModelVersion | None, status: Status) -> None:
    if current:
        current.status = status
        current.save(update_fields=["status"])


def _use(version: ModelVersion, *, by: str, now: datetime) -> ModelVersion:
    version.status, version.published_at, version.published_by = Status.PUBLISHED, now, by[:120]
    version.save(update_fields=["status", "published_at", "published_by"])
    return version
