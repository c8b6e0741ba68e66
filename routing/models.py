"""Leads, who answers for them, and why."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from contacts.models import Contact, Conversation
from tenants.business.models import Branch, Service, StaffMember, Stage
from tenants.models import ChannelKind


class NurtureSequence(models.TextChoices):
    """When a client who fell silent is written to again; the steps of each are `reminders.plan.SEQUENCES`."""

    USUAL = "usual", "обычная: через 1, 3 и 7 дней"
    QUICK = "quick", "быстрая: через 3 часа, 1 и 3 дня"
    LONG = "long", "долгая: через 3, 14 и 30 дней"
    NONE = "none", "не напоминать"


class Lead(models.Model):
    """One enquiry of a client, from the first message to its outcome."""

    class Status(models.TextChoices):
        OPEN = "open", "в работе"
        NEEDS_CALL = "needs_call", "нужен звонок"
        QUARANTINE = "quarantine", "карантин"
        BOOKED = "booked", "записан"
        REFUSED = "refused", "отказ"
        NURTURE = "nurture", "возврат позже"
        CLOSED = "closed", "закрыт"
        SPAM = "spam", "спам"  # stayed in quarantine to its end: never counted, its texts are erased

    class Priority(models.IntegerChoices):
        HIGH = 1, "высокий"
        NORMAL = 0, "обычный"
        LOW = -1, "низкий"

    class Temperature(models.TextChoices):
        HOT = "hot", "горячая"
        WARM = "warm", "тёплая"
        COLD = "cold", "холодная"

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="leads", verbose_name="клиент")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="leads", verbose_name="разговор")
    kind = models.CharField("канал", max_length=20, choices=ChannelKind.choices)
    # Branch, service and owner have no constraint in the database: to check it, each new lead would lock a row that all
    # leads of the business share, and at 40 messages a second they would wait for each other. Django keeps them true.
    branch = models.ForeignKey(
        Branch, models.SET_NULL, null=True, blank=True, verbose_name="филиал", db_constraint=False
    )
    service = models.ForeignKey(
        Service, models.SET_NULL, null=True, blank=True, verbose_name="услуга", db_constraint=False
    )
    status = models.CharField("состояние", max_length=12, choices=Status.choices, default=Status.OPEN)
    stage = models.CharField("этап", max_length=20, choices=Stage.choices, default=Stage.FIRST_CONTACT)
    temperature = models.CharField("температура", max_length=4, choices=Temperature.choices, default=Temperature.COLD)
    score = models.PositiveSmallIntegerField("балл", default=0)
    score_parts = models.JSONField("из чего балл", default=list, blank=True)  # routing.scoring.Part as dicts
    intent = models.CharField("намерение", max_length=20, blank=True)
    urgency = models.CharField("срочность", max_length=6, default="normal")
    emotion = models.CharField("настроение", max_length=8, default="neutral")
    is_price_sensitive = models.BooleanField("важна цена", default=False)
    summary = models.CharField("чего хочет", max_length=200, blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True, verbose_name="метки")
    utm_source = models.CharField(max_length=120, blank=True)
    utm_medium = models.CharField(max_length=120, blank=True)
    utm_campaign = models.CharField(max_length=120, blank=True)
    utm_content = models.CharField(max_length=120, blank=True)
    utm_term = models.CharField(max_length=120, blank=True)
    promo = models.CharField("промокод", max_length=60, blank=True)
    campaign = models.ForeignKey(  # no constraint in the database, as with the branch
        "Campaign",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="leads",
        verbose_name="рекламная кампания",
        db_constraint=False,
        db_index=False,
    )
    page = models.CharField("страница", max_length=300, blank=True)
    owner = models.ForeignKey(
        StaffMember,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="leads",
        verbose_name="ответственный",
        db_constraint=False,
    )
    assigned_at = models.DateTimeField("назначен", null=True, blank=True)
    taken_at = models.DateTimeField("взят", null=True, blank=True)
    is_test = models.BooleanField("проверочная", default=False)
    created_at = models.DateTimeField("создана")
    last_client_at = models.DateTimeField("последнее от клиента")
    first_answer_at = models.DateTimeField("первый ответ", null=True, blank=True)  # provider accepted an acting answer
    first_answer_by = models.CharField("кто ответил", max_length=10, blank=True)  # assistant, staff
    first_person_answer_at = models.DateTimeField("первый ответ человека", null=True, blank=True)
    outcome_at = models.DateTimeField("исход", null=True, blank=True)
    # The clock that the inbox shows: what must happen next, and by when.
    clock = models.CharField("часы", max_length=20, blank=True)
    clock_due_at = models.DateTimeField("срок", null=True, blank=True)
    clock_started_at = models.DateTimeField("часы пущены", null=True, blank=True)
    # All clocks that run, by name (`clocks.KINDS`); None: the lead is older than this record of them.
    clocks = models.JSONField("идущие часы", null=True, blank=True, default=dict)
    priority = models.SmallIntegerField("приоритет", choices=Priority.choices, default=0, db_default=0)  # set by rules
    sequence = models.CharField(  # set by rules
        "напоминания молчащему", max_length=8, choices=NurtureSequence.choices, default="usual", db_default="usual"
    )
    breaches = models.PositiveSmallIntegerField("нарушений срока", default=0)
    # In the queue: it needs a person and nobody could be given it. Why, and since when; "" once it has an owner.
    waits_why = models.CharField("без хозяина, потому что", max_length=200, blank=True, default="", db_default="")
    waits_since = models.DateTimeField("без хозяина с", null=True, blank=True)
    changed_at = models.DateTimeField("изменена")

    draft = None  # a `record.Draft` while one step works on this instance

    class Meta:
        verbose_name = "заявка"
        verbose_name_plural = "заявки"
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=Q(status__in=["open", "needs_call", "quarantine"]),
                name="lead_one_open_in_conversation",
            )
        ]
        indexes = [
            models.Index(
                fields=["-score", "clock_due_at"], name="lead_open", condition=Q(status__in=["open", "needs_call"])
            ),
            models.Index(fields=["created_at"], name="lead_by_day"),
            models.Index(fields=["owner"], name="lead_of_owner", condition=Q(status__in=["open", "needs_call"])),
            models.Index(
                fields=["waits_since"],
                name="lead_waiting",
                condition=Q(status__in=["open", "needs_call"], waits_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Заявка {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.status in (self.Status.OPEN, self.Status.NEEDS_CALL)

    @property
    def is_hot(self) -> bool:
        return self.temperature == self.Temperature.HOT


class Assignment(models.Model):
    """That a staff member answered for a lead from one moment to another, and why that person."""

    lead = models.ForeignKey(Lead, models.CASCADE, related_name="assignments", verbose_name="заявка")
    staff = models.ForeignKey(
        StaffMember, models.CASCADE, related_name="assignments", verbose_name="кому", db_constraint=False
    )
    reason = models.CharField("почему", max_length=200)
    created_at = models.DateTimeField("назначено")
    taken_at = models.DateTimeField("взято", null=True, blank=True)
    ended_at = models.DateTimeField("снято", null=True, blank=True)
    end_reason = models.CharField("почему снято", max_length=200, blank=True)

    class Meta:
        verbose_name = "назначение"
        verbose_name_plural = "назначения"
        constraints = [
            models.UniqueConstraint(fields=["lead"], condition=Q(ended_at__isnull=True), name="assignment_one_current")
        ]
        indexes = [models.Index(fields=["staff", "created_at"], name="assignment_rotation")]

    def __str__(self) -> str:
        return f"{self.lead}: {self.staff}"


class Decision(models.Model):
    """One line of a lead's decision record: what was decided and why, for a receptionist to read."""

    lead = models.ForeignKey(Lead, models.CASCADE, related_name="decisions", verbose_name="заявка")
    kind = models.CharField("что", max_length=20)  # understood, scored, routed, assigned, answered, booked, clock, ...
    title = models.CharField("кратко", max_length=200)
    details = models.JSONField("подробности", default=list, blank=True)  # lines: [{"name": ..., "value": ...}]
    created_at = models.DateTimeField("когда")

    class Meta:
        verbose_name = "решение"
        verbose_name_plural = "решения"
        indexes = [
            models.Index(fields=["lead", "id"], name="decision_in_order"),
            models.Index(fields=["created_at"], name="decision_of_rules", condition=Q(kind="rule")),
            models.Index(fields=["created_at"], name="decision_breaches", condition=Q(kind="breach")),  # for reports
        ]

    def __str__(self) -> str:
        return self.title


class Strategy(models.TextChoices):
    """Whom of several able people a lead goes to."""

    ROUND_ROBIN = "round_robin", "по очереди"
    LEAST_LOADED = "least_loaded", "наименее занятому"
    STICKY = "sticky", "прежнему менеджеру"
    BY_SKILL = "by_skill", "по навыку"
    WEIGHTED = "weighted", "по весам"


class Task(models.Model):
    """Something a person must do by a time."""

    class Kind(models.TextChoices):
        CALL = "call", "Перезвонить"
        OTHER = "other", "Сделать"

    lead = models.ForeignKey(Lead, models.CASCADE, related_name="tasks", verbose_name="заявка")
    kind = models.CharField("вид", max_length=10, choices=Kind.choices)
    title = models.CharField("что сделать", max_length=200)
    staff = models.ForeignKey(
        StaffMember, models.SET_NULL, null=True, blank=True, related_name="tasks", verbose_name="кому"
    )
    key = models.CharField("ключ", max_length=120, unique=True)
    due_at = models.DateTimeField("срок")
    created_at = models.DateTimeField("создана")
    done_at = models.DateTimeField("сделана", null=True, blank=True)

    class Meta:
        verbose_name = "задача"
        verbose_name_plural = "задачи"
        indexes = [models.Index(fields=["due_at"], name="task_open", condition=Q(done_at__isnull=True))]

    def __str__(self) -> str:
        return self.title


def _points(title: str, default: int) -> models.PositiveSmallIntegerField:
    return models.PositiveSmallIntegerField(title, default=default, validators=[MaxValueValidator(100)])


class ScorePolicy(models.Model):
    """Weights and thresholds of the lead score; exactly one row."""

    recency_max = _points("свежесть, не больше", 20)
    recency_half_life_minutes = models.PositiveSmallIntegerField("свежесть убывает вдвое за, мин", default=120)
    intent_booking = _points("запись", 40)
    intent_callback = _points("просьба перезвонить", 35)
    intent_reschedule = _points("перенос", 30)
    intent_price = _points("вопрос о цене", 25)
    intent_promo = _points("вопрос об акции", 22)
    intent_cancel = _points("отмена", 20)
    intent_consultation = _points("консультация", 18)
    intent_other = _points("другое", 8)
    channel_call = _points("звонок", 20)
    channel_form = _points("форма на сайте", 15)
    channel_whatsapp = _points("WhatsApp", 14)
    channel_telegram = _points("Telegram и MAX", 13)
    channel_social = _points("Instagram, ВКонтакте, чат на сайте", 12)
    channel_email = _points("почта", 8)
    ltv_new = _points("новый клиент", 5)
    ltv_price_max = _points("дорогая услуга, не больше", 8)
    ltv_repeat_min = _points("повторный клиент, от", 12)
    ltv_max = _points("повторный клиент и VIP, до", 20)
    high_urgency = _points("срочность", 20)
    ad_utm = _points("пришёл с рекламы", 10)
    promo = _points("промокод", 5)
    price_sensitive = _points("важна цена (вычитается)", 5)
    hot_from = _points("горячая от", 70)
    warm_from = _points("тёплая от", 40)

    class Meta:
        verbose_name = "баллы и пороги"
        verbose_name_plural = "баллы и пороги"

    def __str__(self) -> str:
        return "Баллы и пороги"

    def clean(self) -> None:
        from django.core.exceptions import ValidationError

        if self.warm_from is not None and self.hot_from is not None and self.warm_from >= self.hot_from:
            raise ValidationError("Порог тёплой заявки должен быть ниже порога горячей.")

    @classmethod
    def load(cls) -> ScorePolicy:
        """The one row, or the defaults where the tenant never edited them."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)


class OnBreach(models.TextChoices):
    """What happens when a clock of people ran out."""

    CHAIN = "chain", "следующему, затем резервному, затем задача «Перезвонить»"
    NEXT = "next", "передать следующему"
    BACKUP = "backup", "передать резервному сотруднику"
    SENIOR = "senior", "передать старшему"
    ACCOUNTABLE = "accountable", "сообщить отвечающему за этап (A в матрице)"
    CALL = "call", "задача «Перезвонить»"
    NOTICE = "notice", "напомнить ответственному за заявку"


class Paused(models.TextChoices):
    YES = "yes", "стоят"
    NO = "no", "идут"


def _term(title: str, *, most: int | None = None) -> models.PositiveSmallIntegerField:
    checks = [MaxValueValidator(most)] if most else []
    return models.PositiveSmallIntegerField(title, null=True, blank=True, validators=checks)


def _on_breach(title: str) -> models.CharField:
    return models.CharField(title, max_length=12, choices=OnBreach.choices, blank=True, default="")


def _paused(title: str) -> models.CharField:
    return models.CharField(title, max_length=3, choices=Paused.choices, blank=True, default="")


class SlaPolicy(models.Model):
    """Terms of reaction: row 1 holds the usual ones, every other an exception for leads that meet its conditions.

    A term that an exception leaves empty is taken from the next less specific one; `policies.policy_for` decides."""

    DEFAULTS: dict[str, int | bool | str] = {
        "assistant_answer_seconds": 3,
        "late_answer_seconds": 60,
        "hot_take_seconds": 60,
        "max_hops": 1,
        "person_answer_seconds": 180,
        "hot_confirm_minutes": 15,
        "other_confirm_minutes": 60,
        "silence_minutes": 30,
        "crm_card_minutes": 30,
        "warn_percent": 75,
        "pause_waiting": "no",
        "pause_agreed": "yes",
        "take_action": "chain",
        "person_action": "next",
        "silence_action": "accountable",
        "confirm_action": "accountable",
    }

    name = models.CharField("название", max_length=80, blank=True)
    position = models.PositiveSmallIntegerField("порядок", default=0)
    temperature = models.CharField("температура", max_length=4, choices=Lead.Temperature.choices, blank=True)
    service = models.ForeignKey(Service, models.CASCADE, null=True, blank=True, verbose_name="услуга")
    category = models.CharField("раздел услуг", max_length=80, blank=True)
    channel = models.CharField("канал", max_length=20, choices=ChannelKind.choices, blank=True)
    stage = models.CharField("этап", max_length=20, choices=Stage.choices, blank=True)
    assistant_answer_seconds = _term("ассистент отвечает за, с", most=600)
    late_answer_seconds = _term("ждать задержавшийся ответ ассистента, с", most=3600)
    hot_take_seconds = _term("взять за, с")
    max_hops = _term("передач до резерва", most=20)
    person_answer_seconds = _term("человек отвечает за, с")
    hot_confirm_minutes = _term("горячую довести до записи за, мин")
    other_confirm_minutes = _term("остальные довести за, мин")
    silence_minutes = _term("человек молчит в разговоре, мин")
    crm_card_minutes = _term("карточка в CRM за, мин")
    warn_percent = _term("предупредить, когда прошло, % срока", most=95)
    pause_waiting = _paused("пока ждём клиента, часы записи")
    pause_agreed = _paused("до времени, о котором договорились, часы")
    take_action = _on_breach("заявку не взяли")
    person_action = _on_breach("взяли и не ответили")
    silence_action = _on_breach("замолчали в разговоре")
    confirm_action = _on_breach("не довели до записи")

    class Meta:
        verbose_name = "сроки реакции"
        verbose_name_plural = "сроки реакции"
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return "Основные сроки" if self.is_usual else self.name or "Особые сроки"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is None:  # row 1 is written with its number, of which the sequence knows nothing
            last = SlaPolicy.objects.aggregate(last=models.Max("pk"))["last"]
            self.pk = max(last or 0, 1) + 1
        super().save(*args, **kwargs)

    @property
    def is_usual(self) -> bool:
        return self.pk == 1

    @classmethod
    def load(cls) -> SlaPolicy:
        """The usual terms, with the product's own where the tenant set none."""
        return (cls.objects.filter(pk=1).first() or cls(pk=1)).filled()

    def filled(self) -> SlaPolicy:
        """This row with the product's own terms where it sets none."""
        for name, value in self.DEFAULTS.items():
            if getattr(self, name) in (None, ""):
                setattr(self, name, value)
        return self


class RuleSet(models.Model):
    """One version of a business's routing rules: their canonical text, and what became of it. At most one is a draft,
    at most one is published."""

    class Status(models.TextChoices):
        DRAFT = "draft", "черновик"
        PUBLISHED = "published", "действует"
        RETIRED = "retired", "прежняя"

    number = models.PositiveIntegerField("версия", unique=True)
    text = models.TextField("правила", blank=True)
    status = models.CharField("состояние", max_length=10, choices=Status.choices, default=Status.DRAFT)
    note = models.CharField("что изменено", max_length=200, blank=True)
    changed_at = models.DateTimeField("изменена")
    changed_by = models.CharField("кто изменил", max_length=150, blank=True)
    published_at = models.DateTimeField("опубликована", null=True, blank=True)
    published_by = models.CharField("кто опубликовал", max_length=150, blank=True)

    class Meta:
        verbose_name = "версия правил"
        verbose_name_plural = "правила"
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["status"], condition=Q(status="draft"), name="rule_set_one_draft"),
            models.UniqueConstraint(fields=["status"], condition=Q(status="published"), name="rule_set_one_published"),
        ]

    def __str__(self) -> str:
        return f"Версия {self.number}, {self.get_status_display()}"


class Queue(models.Model):
    """People who share leads: rules name it by its key (`queue_<key>`)."""

    key = models.SlugField("ключ", unique=True, help_text="Латиницей; в правилах пишется queue_ключ.")
    name = models.CharField("очередь", max_length=80)
    members = ArrayField(models.IntegerField(), default=list, blank=True, verbose_name="сотрудники")  # staff ids
    strategy = models.CharField("кому отдавать", max_length=12, choices=Strategy.choices, default=Strategy.ROUND_ROBIN)

    class Meta:
        verbose_name = "очередь"
        verbose_name_plural = "очереди"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Campaign(models.Model):
    """An advertisement with a code: its links carry the code into any messenger, its leads carry its marks.

    `addresses`: where a link leads, by landing (a phone, a bot's or a group's name, a page). `clicks`: by local day."""

    class Landing(models.TextChoices):
        WHATSAPP = "whatsapp", "WhatsApp"
        TELEGRAM = "telegram", "Telegram"
        VK = "vk", "ВКонтакте"
        MAX = "max", "MAX"
        WEBCHAT = "webchat", "Страница с чатом"
        FORM = "form", "Страница с формой"

    code = models.CharField("код", max_length=8, unique=True)
    name = models.CharField("название", max_length=120)
    utm_source = models.CharField("источник", max_length=120)
    utm_medium = models.CharField("вид рекламы", max_length=120)
    utm_campaign = models.CharField("метка кампании", max_length=120, blank=True)
    utm_content = models.CharField("объявление", max_length=120, blank=True)
    utm_term = models.CharField("запрос", max_length=120, blank=True)
    promo = models.CharField("промокод", max_length=60, blank=True)
    landing = models.CharField("куда ведёт ссылка", max_length=10, choices=Landing.choices)
    addresses = models.JSONField("адреса", default=dict, blank=True)
    clicks = models.JSONField("переходы", default=dict, blank=True)
    created_at = models.DateTimeField("создана")
    closed_at = models.DateTimeField("закрыта", null=True, blank=True)

    class Meta:
        verbose_name = "рекламная кампания"
        verbose_name_plural = "рекламные кампании"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                Lower("utm_source"),
                Lower("utm_campaign"),
                name="campaign_marks_once",
                violation_error_message="Кампания с такими источником и меткой уже есть.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class AdSpend(models.Model):
    """Money spent on advertising in one day for one source and campaign."""

    day = models.DateField("день")
    source = models.CharField("источник", max_length=120)
    campaign = models.CharField("кампания", max_length=120, blank=True)
    amount_kopecks = models.PositiveIntegerField("расход, коп.")

    class Meta:
        verbose_name = "расход на рекламу"
        verbose_name_plural = "расходы на рекламу"
        constraints = [models.UniqueConstraint(fields=["day", "source", "campaign"], name="ad_spend_once")]

    def __str__(self) -> str:
        return f"{self.day:%d.%m.%Y} {self.source}"
