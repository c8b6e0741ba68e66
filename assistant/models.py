"""What the assistant may quote, what it asked a language model, and what people of the business taught it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q

from assistant.intents import LABELS
from contacts.models import Message
from leadhub.work import later
from tenants.business.models import BusinessSettings, lines_field


class RealField(models.FloatField):
    """Four bytes: what a coordinate of a vector needs."""

    def db_type(self, connection: Any) -> str:
        return "real"


class KnowledgeQuerySet(models.QuerySet["KnowledgeEntry"]):
    """Whoever writes the words of entries, what is kept for the search is made again."""

    def update(self, **changes: Any) -> int:
        if not KnowledgeEntry.SEARCHED & changes.keys():
            return super().update(**changes)
        count = super().update(**changes, **KnowledgeEntry.NOT_INDEXED)
        owe_index()
        return count

    def bulk_create(self, objs: Iterable[KnowledgeEntry], *args: Any, **options: Any) -> list[KnowledgeEntry]:
        made = super().bulk_create(objs, *args, **options)
        owe_index()
        return made


def owe_index() -> None:
    """What is searched is made soon; until then the search reads the words themselves."""
    later("assistant.index_knowledge", key="")


class KnowledgeEntry(models.Model):
    SEARCHED = frozenset(["question", "synonyms", "answer"])
    NOT_INDEXED = {"stems": None, "search": None, "vector": None}

    class Kind(models.TextChoices):
        FAQ = "faq", "вопрос и ответ"
        RULE = "rule", "правило"
        PRICE_NOTE = "price_note", "пояснение к ценам"

    kind = models.CharField("вид", max_length=12, choices=Kind.choices, default=Kind.FAQ)
    question = models.CharField("вопрос", max_length=200)
    synonyms = lines_field(
        "как ещё спрашивают",
        help_text="По одному в строке: другие слова для того же вопроса, например «парковка», «где поставить машину».",
    )
    answer = models.TextField("ответ", help_text="Клиент прочтёт его слово в слово.")
    source = models.CharField("откуда", max_length=120, blank=True)  # blank: written in the admin or from the pack
    is_active = models.BooleanField("используется", default=True)
    position = models.PositiveSmallIntegerField("порядок", default=0)
    # What is searched, made by `knowledge_index` and `embeddings`. None: the words were changed since.
    stems = models.JSONField(null=True, editable=False)
    search = SearchVectorField(null=True, editable=False)
    vector = ArrayField(RealField(), null=True, editable=False)  # of length 1
    vector_model = models.CharField(max_length=80, blank=True, editable=False)  # whose vector it is

    objects = KnowledgeQuerySet.as_manager()

    class Meta:
        verbose_name = "вопрос и ответ"
        verbose_name_plural = "вопросы и ответы"
        ordering = ["position", "pk"]
        indexes = [
            GinIndex(fields=["search"], name="knowledge_searched", fastupdate=False),
            models.Index(fields=["id"], condition=Q(stems__isnull=True), name="knowledge_not_indexed"),
        ]

    def __str__(self) -> str:
        return self.question

    def save(self, **options: Any) -> None:
        """Words that may have changed are indexed again; a save of other fields alone leaves the index be."""
        names = options.get("update_fields")
        if names is None or self.SEARCHED & set(names):
            self.stems = self.search = self.vector = None
            if names is not None:
                options["update_fields"] = {*names, *self.NOT_INDEXED}
            super().save(**options)
            owe_index()
        else:
            super().save(**options)


class Promotion(models.Model):
    title = models.CharField("акция", max_length=200, help_text="Одним предложением, как её прочтёт клиент.")
    code = models.CharField("промокод", max_length=60, blank=True)
    starts_on = models.DateField("с", null=True, blank=True)
    ends_on = models.DateField("по", null=True, blank=True)
    is_active = models.BooleanField("действует", default=True)

    class Meta:
        verbose_name = "акция"
        verbose_name_plural = "акции"

    def __str__(self) -> str:
        return self.title


class LanguageModel(BusinessSettings):
    """The part of a business's settings that says when a language model is asked, and how."""

    class Meta:
        proxy = True
        verbose_name = "языковая модель"
        verbose_name_plural = "языковая модель"

    def __str__(self) -> str:
        return "Языковая модель"


class ModelCall(models.Model):
    """One question to a language model: what left us (masked), what came, how long it took and what it cost."""

    class Outcome(models.TextChoices):
        ANSWERED = "answered", "ответила"
        INVALID = "invalid", "ответила не по форме"
        LATE = "late", "не успела"
        DOWN = "down", "не отвечает"
        LIMITED = "limited", "просит реже"
        REFUSED = "refused", "отказалась"
        FORBIDDEN = "forbidden", "ключ или модель не подошли"

    # Erased with the message. None: asked for no message of a client (the try-out console).
    message = models.ForeignKey(Message, models.CASCADE, null=True, blank=True, verbose_name="сообщение")
    asked_at = models.DateTimeField("когда")
    outcome = models.CharField("итог", max_length=12, choices=Outcome.choices)
    model = models.CharField("модель", max_length=80)
    prompt_version = models.CharField("указания", max_length=20)
    request = models.TextField("что отправлено", blank=True)  # masked; emptied after OPENAI_LOG_DAYS
    reply = models.TextField("что пришло", blank=True)  # likewise
    latency_ms = models.PositiveIntegerField("заняло, мс")
    prompt_tokens = models.PositiveIntegerField("токенов в запросе", default=0)
    completion_tokens = models.PositiveIntegerField("токенов в ответе", default=0)
    cost_kopecks = models.DecimalField("стоимость, коп.", max_digits=12, decimal_places=4, default=0)

    class Meta:
        verbose_name = "обращение к языковой модели"
        verbose_name_plural = "обращения к языковой модели"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["asked_at"], name="model_call_asked")]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} · {self.asked_at:%d.%m.%Y %H:%M}"


class TrainingExample(models.Model):
    """A message of a client, or a reply of the assistant, with what a person says of it. Every text is masked.

    One marked in a conversation goes with its message, and so with its client; an imported one belongs to nobody."""

    class Kind(models.TextChoices):
        MEANING = "meaning", "понимание"
        REPLY = "reply", "ответ"

    class Source(models.TextChoices):
        CORRECTION = "correction", "отметка в разговоре"
        IMPORT = "import", "загрузка"

    class Urgency(models.TextChoices):
        NORMAL = "normal", "обычная"
        HIGH = "high", "высокая"

    class Emotion(models.TextChoices):
        NEUTRAL = "neutral", "спокоен"
        ANGRY = "angry", "недоволен"
        POSITIVE = "positive", "доволен"

    kind = models.CharField("о чём", max_length=10, choices=Kind.choices)
    source = models.CharField("откуда", max_length=10, choices=Source.choices)
    message = models.OneToOneField(
        Message, models.CASCADE, null=True, blank=True, related_name="example", verbose_name="сообщение"
    )
    text = models.TextField("клиент написал")
    told = models.JSONField("как понято", default=dict, blank=True)  # labels as the assistant gave them; {}: unknown
    is_right = models.BooleanField("верно")
    # What is right. A blank intent: nobody has said it yet, so nothing can be learned.
    intent = models.CharField("на самом деле", max_length=20, blank=True, choices=list(LABELS.items()))
    also = ArrayField(models.CharField(max_length=20), default=list, blank=True, verbose_name="ещё намерения")
    urgency = models.CharField("срочность", max_length=6, choices=Urgency.choices, default=Urgency.NORMAL)
    is_price_sensitive = models.BooleanField("важна цена", default=False)
    emotion = models.CharField("настроение", max_length=8, choices=Emotion.choices, default=Emotion.NEUTRAL)
    reply = models.TextField("ассистент ответил", blank=True)
    right_reply = models.TextField("как надо было ответить", blank=True)
    entry = models.ForeignKey(
        KnowledgeEntry, models.SET_NULL, null=True, blank=True, verbose_name="вопрос и ответ в базе"
    )
    # Chosen by the text alone, so it never moves: such examples judge a version and are never learned from.
    is_held_back = models.BooleanField("для проверки")
    by = models.CharField("кто", max_length=120)
    created_at = models.DateTimeField("когда")

    class Meta:
        verbose_name = "пример"
        verbose_name_plural = "примеры"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["kind", "is_held_back"], name="training_example_use")]

    def __str__(self) -> str:
        return f"{self.get_kind_display().capitalize()}: {self.text[:60]}"


class ModelVersion(models.Model):
    """What a business's examples add to the shipped weights, how that was measured, and what became of it."""

    class Status(models.TextChoices):
        TRAINING = "training", "обучается"
        DRAFT = "draft", "лучше, можно включить"
        PUBLISHED = "published", "работает"
        REPLACED = "replaced", "заменена"
        ROLLED_BACK = "rolled_back", "отключена"
        REFUSED = "refused", "не принята"
        FAILED = "failed", "не получилась"

    number = models.PositiveIntegerField("версия", unique=True)
    status = models.CharField("состояние", max_length=12, choices=Status.choices, default=Status.TRAINING)
    stage = models.CharField("чем занята", max_length=80, blank=True)
    percent = models.PositiveSmallIntegerField("готово, %", default=0)
    weights = models.BinaryField("веса", null=True, blank=True)  # Model.save() on top of the shipped weights
    base = models.CharField("основа", max_length=16, blank=True)  # fingerprint of the shipped weights it stands on
    compared_with = models.PositiveIntegerField("сравнивалась с версией", default=0)  # 0: with the shipped weights
    learned = models.PositiveIntegerField("примеров выучено", default=0)
    held_back = models.PositiveIntegerField("примеров для проверки", default=0)
    measures = models.JSONField("что показала проверка", default=dict, blank=True)
    why = models.CharField("почему не принята", max_length=300, blank=True)
    by = models.CharField("кто начал", max_length=120)
    started_at = models.DateTimeField("начата")
    finished_at = models.DateTimeField("готова", null=True, blank=True)
    published_at = models.DateTimeField("включена", null=True, blank=True)
    published_by = models.CharField("кто включил", max_length=120, blank=True)

    class Meta:
        verbose_name = "версия понимания"
        verbose_name_plural = "обучение"
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status=status), name=f"model_version_one_{status}")
            for status in ("training", "published")
        ]

    def __str__(self) -> str:
        return f"Версия {self.number}"
