"""Public tables: who may come in, which businesses there are, and where a webhook belongs."""

from __future__ import annotations

import secrets

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.core.validators import RegexValidator
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin

from leadhub.crypto import EncryptedJSONField, EncryptedTextField


class Trade(models.TextChoices):
    SALON = "salon", "Салон красоты"
    BARBERSHOP = "barbershop", "Барбершоп"
    DENTAL = "dental", "Стоматология"
    CLINIC = "clinic", "Медицинская клиника"
    COSMETOLOGY = "cosmetology", "Косметология"
    MASSAGE = "massage", "Массаж и SPA"
    FITNESS = "fitness", "Фитнес"


class City(models.TextChoices):
    UFA = "ufa", "Уфа"
    OMSK = "omsk", "Омск"
    NIZHNY = "nizhny", "Нижний Новгород"
    KRASNOYARSK = "krasnoyarsk", "Красноярск"


class ChannelKind(models.TextChoices):
    TELEGRAM = "telegram", "Telegram"
    WHATSAPP = "whatsapp", "WhatsApp"
    INSTAGRAM = "instagram", "Instagram"
    VK = "vk", "ВКонтакте"
    MAX = "max", "MAX"
    WEBCHAT = "webchat", "Чат на сайте"
    FORM = "form", "Форма на сайте"
    EMAIL = "email", "Почта"
    SMS = "sms", "СМС"
    MANGO = "mango", "Mango Office"
    UIS = "uis", "UIS"
    ZADARMA = "zadarma", "Zadarma"
    WEBHOOK = "webhook", "Свой источник"
    BITRIX24 = "bitrix24", "Битрикс24"
    YOOKASSA = "yookassa", "ЮKassa"


class Role(models.TextChoices):
    """What a person is in one business."""

    OWNER = "owner", "Владелец"
    SENIOR = "senior", "Старший"
    MANAGER = "manager", "Менеджер"
    RECEPTIONIST = "receptionist", "Администратор"
    SPECIALIST = "specialist", "Специалист"
    MARKETING = "marketing", "Маркетолог"


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: object) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: object) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractUser):
    """A person who logs in by e-mail. `is_staff` opens the agency's admin only; a business is opened by membership."""

    username = None
    email = models.EmailField("почта", unique=True)
    name = models.CharField("имя", max_length=120, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []
    objects = UserManager()

    class Meta:
        verbose_name = "пользователь"
        verbose_name_plural = "пользователи"

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name


class Agency(models.Model):
    """A firm that brings up and watches over many businesses."""

    name = models.CharField("название", max_length=120)
    created_at = models.DateTimeField("создано", auto_now_add=True)

    class Meta:
        verbose_name = "агентство"
        verbose_name_plural = "агентства"

    def __str__(self) -> str:
        return self.name


class AgencyMembership(models.Model):
    class Role(models.TextChoices):
        ADMIN = "admin", "Администратор агентства"
        OPERATOR = "operator", "Оператор агентства"

    agency = models.ForeignKey(Agency, models.CASCADE, verbose_name="агентство", related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, verbose_name="пользователь", related_name="agency_memberships")
    role = models.CharField("роль", max_length=20, choices=Role.choices)

    class Meta:
        verbose_name = "доступ к агентству"
        verbose_name_plural = "доступы к агентствам"
        constraints = [models.UniqueConstraint(fields=["agency", "user"], name="agency_membership_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


class Tenant(TenantMixin):
    """One business with a PostgreSQL schema of its own. Opened and closed by `tenants.provisioning` alone."""

    auto_create_schema = False
    auto_drop_schema = False

    slug = models.CharField(
        "адрес",
        max_length=41,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]{0,40}$", "Латинские буквы, цифры и дефис.")],
    )
    name = models.CharField("название", max_length=120)
    agency = models.ForeignKey(Agency, models.PROTECT, verbose_name="агентство", related_name="tenants")
    trade = models.CharField("отрасль", max_length=20, choices=Trade.choices)
    city = models.CharField("город", max_length=20, choices=City.choices)
    is_demo = models.BooleanField("демонстрационный", default=False, help_text="Бизнес и люди вымышлены.")
    created_at = models.DateTimeField("открыт", auto_now_add=True)
    closed_at = models.DateTimeField("закрыт", null=True, blank=True)

    class Meta:
        verbose_name = "бизнес"
        verbose_name_plural = "бизнесы"

    def __str__(self) -> str:
        return self.name


class Domain(DomainMixin):
    """A host name of its own that serves a tenant at `/`."""

    class Meta:
        verbose_name = "домен"
        verbose_name_plural = "домены"


class Membership(models.Model):
    """That a user may enter a business, and as whom."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name="бизнес", related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, verbose_name="пользователь", related_name="memberships")
    role = models.CharField("роль", max_length=20, choices=Role.choices)

    class Meta:
        verbose_name = "доступ к бизнесу"
        verbose_name_plural = "доступы к бизнесам"
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"


def new_hook_key() -> str:
    return secrets.token_urlsafe(18)


class HookKey(models.Model):
    """Where a webhook belongs: the opaque part of `/hooks/<kind>/<key>/` -> one account in one schema."""

    key = models.CharField("ключ", max_length=64, unique=True, default=new_hook_key)
    kind = models.CharField("вид", max_length=20, choices=ChannelKind.choices)
    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name="бизнес", related_name="hook_keys")
    account_id = models.BigIntegerField(
        "номер подключения"
    )  # row of channels_app.ChannelAccount in the tenant's schema
    secret = EncryptedTextField("секрет подписи", blank=True, default="")
    is_enabled = models.BooleanField("принимает", default=True)
    refused = models.BigIntegerField("отказано: подпись", default=0)

    class Meta:
        verbose_name = "адрес приёма"
        verbose_name_plural = "адреса приёма"
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "account_id"], name="hook_key_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.tenant}"


class PushSubscription(models.Model):
    """One browser of a user that shows the notices of one business. The address is as good as a key: encrypted."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name="бизнес", related_name="push_subscriptions")
    user = models.ForeignKey(User, models.CASCADE, verbose_name="пользователь", related_name="push_subscriptions")
    digest = models.CharField(max_length=64, unique=True)  # of the address, to find it by
    subscription = EncryptedJSONField("адрес и ключи")  # {"endpoint", "keys": {"p256dh", "auth"}}
    device = models.CharField("устройство", max_length=80, blank=True)
    created_at = models.DateTimeField("подписан")
    failed_at = models.DateTimeField("не доставлено", null=True, blank=True)  # the last refusal; None: all is well

    class Meta:
        verbose_name = "подписка на push"
        verbose_name_plural = "подписки на push"
        indexes = [models.Index(fields=["tenant", "user"], name="push_of_user")]

    def __str__(self) -> str:
        return self.device or f"подписка {self.pk}"


class ShortLink(models.Model):
    """Where `/go/<code>` belongs: a campaign (`routing.Campaign`, by number) of one business."""

    code = models.CharField("код", max_length=8, unique=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, verbose_name="бизнес", related_name="short_links")
    campaign_id = models.BigIntegerField("номер кампании")

    class Meta:
        verbose_name = "короткая ссылка"
        verbose_name_plural = "короткие ссылки"

    def __str__(self) -> str:
        return self.code


class SchemaTemplate(models.Model):
    """The SQL that makes a tenant's schema, dumped from a migrated one; a row for each state of the migrations."""

    fingerprint = models.CharField(max_length=64, primary_key=True)
    sql = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "образец схемы"
        verbose_name_plural = "образцы схем"

    def __str__(self) -> str:
        return self.fingerprint[:12]
