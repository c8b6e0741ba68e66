"""A business as data, in its own schema: where, who, when, what for how much, and who answers for what."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from leadhub.crypto import decrypt, encrypt
from tenants.business import preferences
from tenants.models import City, Role

ZONES = [
    ("Europe/Moscow", "Москва, Нижний Новгород (UTC+3)"),
    ("Asia/Yekaterinburg", "Уфа, Екатеринбург (UTC+5)"),
    ("Asia/Omsk", "Омск (UTC+6)"),
    ("Asia/Krasnoyarsk", "Красноярск (UTC+7)"),
]


class Weekday(models.IntegerChoices):
    MONDAY = 0, "понедельник"
    TUESDAY = 1, "вторник"
    WEDNESDAY = 2, "среда"
    THURSDAY = 3, "четверг"
    FRIDAY = 4, "пятница"
    SATURDAY = 5, "суббота"
    SUNDAY = 6, "воскресенье"


def lines_field(title: str, **extra: object) -> ArrayField:
    """A short list of words, edited as lines in the admin."""
    return ArrayField(models.CharField(max_length=120), verbose_name=title, default=list, blank=True, **extra)


class Presence(models.TextChoices):
    """What a person last said by the shift button; the empty word leaves it to the schedule."""

    HERE = "here", "на месте"
    AWAY = "away", "временно отсутствует"
    GONE = "gone", "смена закончена"
    SILENT = "silent", "не отвечает"  # said by the product: offered leads ran out unanswered


class Language(models.TextChoices):
    """What people of the staff may speak besides Russian; `assistant.languages` tells them apart."""

    TATAR = "tt", "татарский"
    BASHKIR = "ba", "башкирский"
    KAZAKH = "kk", "казахский"
    ENGLISH = "en", "английский"


class ModelUse(models.TextChoices):
    NEVER = "never", "не спрашивать"
    UNSURE = "unsure", "когда ассистент сомневается"
    ALWAYS = "always", "всегда"


class BusinessSettings(models.Model):
    """The business's own settings; exactly one row."""

    public_name = models.CharField("название для клиентов", max_length=120)
    tone = models.CharField("обращение", max_length=4, choices=[("vy", "на «вы»"), ("ty", "на «ты»")], default="vy")
    assistant_enabled = models.BooleanField("ассистент отвечает сам", default=True)
    burst_window_ms = models.PositiveIntegerField(
        "ждать продолжения сообщения, мс",
        default=1000,
        validators=[MaxValueValidator(5000)],
        help_text="Клиенты часто пишут несколькими сообщениями подряд: ответ будет один. 0: отвечать сразу.",
    )
    burst_limit_ms = models.PositiveIntegerField(
        "но не дольше, мс", default=2500, validators=[MaxValueValidator(10000)]
    )
    quiet_from = models.TimeField("тишина с", default="21:00", help_text="Напоминания и предложения не приходят ночью.")
    quiet_to = models.TimeField("тишина до", default="09:00")
    hold_minutes = models.PositiveSmallIntegerField("держать время за клиентом, мин", default=10)
    booking_horizon_days = models.PositiveSmallIntegerField("запись вперёд, дней", default=60)
    booking_lead_minutes = models.PositiveSmallIntegerField("запись не раньше чем через, мин", default=30)
    slot_step_minutes = models.PositiveSmallIntegerField("шаг времени записи, мин", default=30)
    late_limit_minutes = models.PositiveSmallIntegerField(
        "опоздание, при котором примем, мин",
        default=15,
        help_text="Кто опоздает больше, тому ассистент предложит перенести визит.",
    )
    confidence_threshold = models.FloatField(
        "уверенность ассистента",
        default=0.45,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Ниже неё ассистент не отвечает сам, а зовёт человека.",
    )
    quarantine_days = models.PositiveSmallIntegerField(
        "хранить спам, дней",
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="Потом заявка в карантине закрывается, а её сообщения стираются.",
    )
    consent_version = models.CharField("версия согласия", max_length=20, default="1")
    policy_url = models.URLField("страница о персональных данных", blank=True)
    is_clinical = models.BooleanField("медицинские услуги", default=False)
    backup_staff = models.ForeignKey(
        "StaffMember",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="резервный сотрудник",
        help_text="Получает горячую заявку, когда её не взяли те, кому она досталась.",
    )
    requires_check_in = models.BooleanField(
        "смену начинают кнопкой",
        default=False,
        help_text="Выключено: кто стоит в графике, тот на месте. Включено: заявки получает только тот,"
        " кто нажал «Начать смену».",
    )
    away_minutes = models.PositiveSmallIntegerField(
        "отошёл дольше чем на, мин",
        default=30,
        validators=[MinValueValidator(1)],
        help_text="После этого заявки, которые ведёт сотрудник, переходят к другим.",
    )
    silent_after = models.PositiveSmallIntegerField(
        "заявок без ответа подряд",
        default=3,
        help_text="После стольких не взятых подряд сотрудник отмечается «не отвечает». 0: не отмечать.",
    )
    model_use = models.CharField(
        "языковая модель",
        max_length=10,
        choices=ModelUse.choices,
        default=ModelUse.NEVER,
        help_text="Помогает понять сообщение. Телефоны, имена, адреса и почта скрываются до отправки.",
    )
    compares_meaning = models.BooleanField(
        "искать ответы и по смыслу",
        default=False,
        help_text="Вопрос, на который в базе знаний не нашлось ответа по словам, сравнивается с ней по смыслу."
        " Для этого вопросы (без личных данных) и ответы базы отправляются той же языковой модели.",
    )
    model_below = models.FloatField(
        "сомневается, когда уверенность ниже",
        default=0.7,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    model_cap_kopecks = models.PositiveIntegerField("не дороже в месяц, коп.", default=100_000)
    model_name = models.CharField("модель", max_length=80, blank=True)
    model_secret = models.TextField("свой ключ", blank=True)  # encrypted; read it by `model_key`
    model_prompts = models.JSONField("указания модели", default=list, blank=True)  # [{version, text, at, by}]
    model_prompt_version = models.PositiveSmallIntegerField("версия указаний", default=0)  # 0: the product's own

    class Meta:
        verbose_name = "настройки бизнеса"
        verbose_name_plural = "настройки бизнеса"

    def __str__(self) -> str:
        return self.public_name

    @classmethod
    def load(cls) -> BusinessSettings:
        """The one row. Raises DoesNotExist in a tenant that was not set up."""
        return cls.objects.get(pk=1)

    @property
    def model_key(self) -> str:
        """The business's own key to the model, "" where it has none. Raises SecretUnreadable."""
        return decrypt(self.model_secret) if self.model_secret else ""

    @model_key.setter
    def model_key(self, key: str) -> None:
        self.model_secret = encrypt(key) if key else ""

    @property
    def model_prompt(self) -> str:
        """The business's own instructions to the model that are in use; "" is the product's."""
        chosen = (one["text"] for one in self.model_prompts if one["version"] == self.model_prompt_version)
        return next(chosen, "")

    def word_model_prompt(self, text: str, *, by: str, now: datetime) -> None:
        """Make `text` the instructions in use, as a new version unless it is one already; "" is the product's own."""
        text = text.strip()
        known = next((one["version"] for one in self.model_prompts if one["text"] == text), None)
        if text and known is None:
            known = max((one["version"] for one in self.model_prompts), default=0) + 1
            self.model_prompts = [
                *self.model_prompts,
                {"version": known, "text": text, "at": now.isoformat(timespec="minutes"), "by": by},
            ]
        self.model_prompt_version = known or 0


class Branch(models.Model):
    name = models.CharField("название", max_length=120)
    city = models.CharField("город", max_length=20, choices=City.choices)
    address = models.CharField("адрес", max_length=200)
    timezone = models.CharField("часовой пояс", max_length=40, choices=ZONES)
    phone = models.CharField("телефон", max_length=20, blank=True)
    districts = lines_field(
        "районы рядом", help_text="По одному в строке: клиент из этих районов попадёт в этот филиал."
    )
    works_on_holidays = models.BooleanField("работает в праздники", default=False)
    is_active = models.BooleanField("работает", default=True)
    position = models.PositiveSmallIntegerField("порядок", default=0)

    class Meta:
        verbose_name = "филиал"
        verbose_name_plural = "филиалы"
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def _check_order(start: object, end: object) -> None:
    if start and end and start >= end:
        raise ValidationError("Начало должно быть раньше конца.")


class OpeningHours(models.Model):
    """One interval of one weekday; a lunch break is the gap between two."""

    branch = models.ForeignKey(Branch, models.CASCADE, related_name="hours", verbose_name="филиал")
    weekday = models.PositiveSmallIntegerField("день недели", choices=Weekday.choices)
    start = models.TimeField("с")
    end = models.TimeField("до")

    class Meta:
        verbose_name = "часы работы"
        verbose_name_plural = "часы работы"
        ordering = ["weekday", "start"]
        constraints = [models.CheckConstraint(condition=Q(start__lt=F("end")), name="opening_hours_order")]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.start:%H:%M}-{self.end:%H:%M}"

    def clean(self) -> None:
        _check_order(self.start, self.end)


class DateException(models.Model):
    """A date with hours of its own, or closed: rows of a date replace its weekday's hours and the holiday rule."""

    branch = models.ForeignKey(Branch, models.CASCADE, related_name="exceptions", verbose_name="филиал")
    date = models.DateField("дата")
    start = models.TimeField("с", null=True, blank=True, help_text="Пусто: закрыто весь день.")
    end = models.TimeField("до", null=True, blank=True)
    note = models.CharField("почему", max_length=120, blank=True)

    class Meta:
        verbose_name = "особый день"
        verbose_name_plural = "особые дни"
        ordering = ["date", "start"]

    def __str__(self) -> str:
        return f"{self.date:%d.%m.%Y}"

    def clean(self) -> None:
        if (self.start is None) != (self.end is None):
            raise ValidationError("Укажите и начало, и конец, или оставьте оба поля пустыми.")
        _check_order(self.start, self.end)


class Skill(models.Model):
    name = models.CharField("навык", max_length=80, unique=True)

    class Meta:
        verbose_name = "навык"
        verbose_name_plural = "навыки"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class StaffMember(models.Model):
    name = models.CharField("имя", max_length=120)
    role = models.CharField("роль", max_length=20, choices=Role.choices)
    position = models.CharField("должность", max_length=120, blank=True)
    branch = models.ForeignKey(Branch, models.PROTECT, related_name="staff", verbose_name="филиал")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="вход в систему",
        db_constraint=True,
    )
    skills = models.ManyToManyField(Skill, blank=True, related_name="staff", verbose_name="навыки")
    load_cap = models.PositiveSmallIntegerField("заявок одновременно", default=4, help_text="Обычно 3-4.")
    lead_weight = models.PositiveSmallIntegerField(
        "доля заявок",
        default=1,
        db_default=1,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text="Для правила «по весам»: у кого 2, тот получает вдвое больше, чем тот, у кого 1.",
    )
    languages = ArrayField(
        models.CharField(max_length=2, choices=Language.choices),
        verbose_name="языки, кроме русского",
        default=list,
        db_default=[],
        blank=True,
        help_text="Клиент, который пишет на этом языке, достанется тому, кто им владеет.",
    )
    takes_bookings = models.BooleanField(
        "ведёт приём", default=False, help_text="К этому человеку можно записать клиента."
    )
    phone = models.CharField("телефон", max_length=20, blank=True)
    telegram_chat_id = models.CharField("чат Telegram для уведомлений", max_length=40, blank=True)
    telegram_code = models.CharField(max_length=64, blank=True, editable=False)  # hash of the code that links the chat
    telegram_code_until = models.DateTimeField(null=True, blank=True, editable=False)
    notice_preferences = models.JSONField(
        "уведомления", default=dict, blank=True, validators=[preferences.check]
    )  # see `preferences.read`
    is_away = models.BooleanField("отошёл", default=False)
    # What the shift button said, and since when: of a shift that is over it says nothing any more.
    presence = models.CharField(
        "на смене", max_length=6, choices=Presence.choices, blank=True, default="", db_default=""
    )
    presence_since = models.DateTimeField("с какого времени", null=True, blank=True)
    presence_log = models.JSONField(
        "отметки", default=list, db_default=[], blank=True
    )  # [{at, what, why}], newest last
    missed_in_a_row = models.PositiveSmallIntegerField("не взято подряд", default=0, db_default=0)
    is_active = models.BooleanField("работает", default=True)

    class Meta:
        verbose_name = "сотрудник"
        verbose_name_plural = "сотрудники"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def preferences(self) -> preferences.Preferences:
        """Where and when this person wants to be told."""
        return preferences.read(self.notice_preferences)


class Shift(models.Model):
    """A repeating shift: works on local days where (day - anchor) % cycle_days == offset_day. Weekly: cycle 7."""

    staff = models.ForeignKey(StaffMember, models.CASCADE, related_name="shifts", verbose_name="сотрудник")
    branch = models.ForeignKey(Branch, models.CASCADE, related_name="shifts", verbose_name="филиал")
    anchor_date = models.DateField("отсчёт с даты")
    cycle_days = models.PositiveSmallIntegerField(
        "период, дней",
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(56)],
        help_text="7: по дням недели; 4: график 2 через 2.",
    )
    offset_day = models.PositiveSmallIntegerField("день периода", default=0, help_text="0: сама дата отсчёта.")
    start = models.TimeField("с")
    end = models.TimeField("до")
    break_start = models.TimeField("перерыв с", null=True, blank=True)
    break_end = models.TimeField("перерыв до", null=True, blank=True)

    class Meta:
        verbose_name = "смена"
        verbose_name_plural = "смены"
        ordering = ["staff", "offset_day", "start"]
        constraints = [
            models.CheckConstraint(condition=Q(start__lt=F("end")), name="shift_order"),
            models.CheckConstraint(condition=Q(offset_day__lt=F("cycle_days")), name="shift_offset_in_cycle"),
        ]

    def __str__(self) -> str:
        return f"{self.staff}: {self.start:%H:%M}-{self.end:%H:%M}"

    def clean(self) -> None:
        _check_order(self.start, self.end)
        _check_order(self.break_start, self.break_end)
        if (self.break_start is None) != (self.break_end is None):
            raise ValidationError("Перерыв: укажите и начало, и конец.")
        if self.offset_day is not None and self.cycle_days and self.offset_day >= self.cycle_days:
            raise ValidationError("День периода должен быть меньше периода.")


class ShiftException(models.Model):
    """A day that differs for one person: off (no times), or other hours."""

    staff = models.ForeignKey(StaffMember, models.CASCADE, related_name="shift_exceptions", verbose_name="сотрудник")
    date = models.DateField("дата")
    start = models.TimeField("с", null=True, blank=True, help_text="Пусто: выходной.")
    end = models.TimeField("до", null=True, blank=True)
    note = models.CharField("почему", max_length=120, blank=True)

    class Meta:
        verbose_name = "изменение смены"
        verbose_name_plural = "изменения смен"
        ordering = ["date"]
        constraints = [models.UniqueConstraint(fields=["staff", "date"], name="shift_exception_once")]

    def __str__(self) -> str:
        return f"{self.staff}: {self.date:%d.%m.%Y}"

    def clean(self) -> None:
        if (self.start is None) != (self.end is None):
            raise ValidationError("Укажите и начало, и конец, или оставьте оба поля пустыми.")
        _check_order(self.start, self.end)


class Service(models.Model):
    name = models.CharField("услуга", max_length=120, unique=True)
    category = models.CharField("раздел", max_length=80, blank=True)
    skill = models.ForeignKey(
        Skill,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="services",
        verbose_name="кто делает (навык)",
        help_text="Пусто: любой, кто ведёт приём.",
    )
    duration_minutes = models.PositiveSmallIntegerField("длительность, мин", validators=[MinValueValidator(5)])
    buffer_minutes = models.PositiveSmallIntegerField("уборка после, мин", default=0)
    price_kopecks = models.PositiveIntegerField("цена, коп.")
    price_to_kopecks = models.PositiveIntegerField("цена до, коп.", null=True, blank=True)
    synonyms = lines_field("как ещё называют", help_text="По одному в строке: слова, которыми клиенты называют услугу.")
    cycle_days = models.PositiveSmallIntegerField("повторяют через, дней", null=True, blank=True)
    is_active = models.BooleanField("оказывается", default=True)
    position = models.PositiveSmallIntegerField("порядок", default=0)

    class Meta:
        verbose_name = "услуга"
        verbose_name_plural = "услуги"
        ordering = ["position", "pk"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.price_to_kopecks is not None and self.price_to_kopecks < (self.price_kopecks or 0):
            raise ValidationError("Верхняя цена меньше нижней.")


class Upsell(models.Model):
    """A service worth adding to another one. Offered once, after the visit is booked, when the same person has time."""

    service = models.ForeignKey(Service, models.CASCADE, related_name="upsells", verbose_name="к услуге")
    offer = models.ForeignKey(Service, models.CASCADE, related_name="+", verbose_name="предложить вместе с ней")
    text = models.CharField(
        "какими словами", max_length=200, blank=True, help_text="Пусто: обычными. Цену и время ассистент назовёт сам."
    )
    position = models.PositiveSmallIntegerField("порядок", default=0)

    class Meta:
        verbose_name = "предложение вместе с услугой"
        verbose_name_plural = "предложить вместе с ней"
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["service", "offer"], name="upsell_once"),
            models.CheckConstraint(condition=~Q(service=F("offer")), name="upsell_of_another"),
        ]

    def __str__(self) -> str:
        return f"{self.service} + {self.offer}"


class Stage(models.TextChoices):
    FIRST_CONTACT = "first_contact", "Первое обращение"
    QUALIFICATION = "qualification", "Выяснение потребности"
    BOOKING = "booking", "Запись"
    CONFIRMATION = "confirmation", "Подтверждение"
    REMINDER = "reminder", "Напоминание"
    NO_SHOW = "no_show", "Не пришёл"
    NURTURE = "nurture", "Возврат клиента"
    COMPLAINT = "complaint", "Жалоба"
    DATA_REQUEST = "data_request", "Запрос о данных"


class MatrixRole(models.TextChoices):
    ASSISTANT = "assistant", "Ассистент"
    MARKETING = "marketing", "Маркетолог"
    RECEPTIONIST = "receptionist", "Администратор"
    MANAGER = "manager", "Менеджер"
    SPECIALIST = "specialist", "Специалист"
    SENIOR = "senior", "Старший"
    OWNER = "owner", "Владелец"


class Letter(models.TextChoices):
    R = "R", "R: делает"
    A = "A", "A: отвечает"
    C = "C", "C: советует"
    I = "I", "I: узнаёт"  # noqa: E741 - the letter's name in the field


class MatrixCell(models.Model):
    """One cell of the responsibility matrix. Written as a whole grid by `responsibility.save_matrix` alone."""

    stage = models.CharField("этап", max_length=20, choices=Stage.choices)
    role = models.CharField("роль", max_length=20, choices=MatrixRole.choices)
    letter = models.CharField("ответственность", max_length=1, choices=Letter.choices)

    class Meta:
        verbose_name = "матрица ответственности"
        verbose_name_plural = "матрица ответственности"
        constraints = [
            models.UniqueConstraint(fields=["stage", "role"], name="matrix_cell_once"),
            models.UniqueConstraint(fields=["stage"], condition=Q(letter="A"), name="matrix_one_accountable"),
        ]

    def __str__(self) -> str:
        return f"{self.get_stage_display()} · {self.get_role_display()} · {self.letter}"


class SettingsVersion(models.Model):
    """How one kind of settings stood after a save, and whose it was. Kept by `versions.keep` alone, never changed."""

    class Kind(models.TextChoices):
        MATRIX = "matrix", "матрица ответственности"

    kind = models.CharField("что", max_length=10, choices=Kind.choices)
    number = models.PositiveIntegerField("версия")  # from 1, by kind
    body = models.JSONField("как стало")
    by = models.CharField("кто", max_length=150, blank=True)  # "": the platform
    at = models.DateTimeField("когда")
    note = models.CharField("зачем", max_length=200, blank=True)

    class Meta:
        verbose_name = "версия настроек"
        verbose_name_plural = "версии настроек"
        ordering = ["kind", "-number"]
        constraints = [models.UniqueConstraint(fields=["kind", "number"], name="settings_version_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, версия {self.number}"


class MessageTemplate(models.Model):
    """The tenant's own wording of one text that clients read; the catalogue's default serves where there is none."""

    key = models.CharField("текст", max_length=60)
    text = models.TextField("слова")
    position = models.PositiveSmallIntegerField("вариант", default=0)

    class Meta:
        verbose_name = "текст для клиента"
        verbose_name_plural = "тексты для клиентов"
        ordering = ["key", "position"]
        constraints = [models.UniqueConstraint(fields=["key", "position"], name="message_template_once")]

    def __str__(self) -> str:
        return self.key
