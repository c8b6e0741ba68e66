"""The side bars of both admins, in the order in which an owner and an agency think."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse


@dataclass(frozen=True)
class Page:
    """One list or page of an admin; shown where its model (by label) is registered and the reader may see it."""

    title: str
    icon: str
    model: str
    about: str = ""


BUSINESS: tuple[tuple[str, tuple[Page, ...]], ...] = (
    (
        "Бизнес",
        (
            Page("Настройки", "tune", "business.BusinessSettings", "Название, ассистент, тишина, запись"),
            Page("Филиалы", "storefront", "business.Branch", "Адреса, часы работы, особые дни"),
            Page("Сотрудники", "groups", "business.StaffMember", "Кто работает, смены, навыки"),
            Page("Навыки", "content_cut", "business.Skill", "Что умеют специалисты"),
            Page("Услуги", "receipt_long", "business.Service", "Цены, длительность, как называют клиенты"),
        ),
    ),
    (
        "Ответственность",
        (Page("Матрица", "grid_on", "business.MatrixCell", "Кто делает, кто отвечает, кого известить"),),
    ),
    (
        "Правила и баллы",
        (
            Page("Правила", "rule", "routing.RuleSet", "Кому какая заявка, что с ней сделать"),
            Page("Очереди", "diversity_3", "routing.Queue", "Кто делит заявки между собой"),
            Page("Баллы и пороги", "local_fire_department", "routing.ScorePolicy", "Какая заявка горячая"),
            Page("Сроки реакции", "timer", "routing.SlaPolicy", "За сколько взять и ответить"),
        ),
    ),
    (
        "Каналы",
        (
            Page("Подключения", "hub", "channels_app.ChannelAccount", "Telegram, чат и форма на сайте, СМС"),
            Page("Доставки", "outgoing_mail", "channels_app.Delivery", "Что отправлено и что не дошло"),
            Page("Уведомления сотрудникам", "notifications_active", "channels_app.Notice", "Кому, как и что ответили"),
            Page("Входящие события", "move_to_inbox", "channels_app.InboundEvent", "Всё, что пришло, как есть"),
            Page("Битрикс24", "sync_alt", "crm.Connection", "Портал, проверка прав"),
            Page("Обмен с Битрикс24", "swap_vert", "crm.Link", "Что записано и что не записалось"),
        ),
    ),
    (
        "Тексты",
        (
            Page("Тексты для клиентов", "chat", "business.MessageTemplate", "Каждая фраза ассистента"),
            Page("База знаний", "quiz", "assistant.KnowledgeEntry", "Вопросы клиентов и ваши ответы"),
            Page("Акции", "sell", "assistant.Promotion", "Скидки и промокоды"),
            Page("Языковая модель", "smart_toy", "assistant.LanguageModel", "Когда спрашивать, предел расходов"),
        ),
    ),
    (
        "Обучение",
        (
            Page("Обучение", "model_training", "assistant.ModelVersion", "Чему научен ассистент, его версии"),
            Page("Примеры", "rule", "assistant.TrainingExample", "Отметки и загруженные переписки"),
        ),
    ),
    (
        "Клиенты",
        (
            Page("Клиенты", "person", "contacts.Contact", "Имя, VIP, заметка"),
            Page("Записи", "event", "booking.Appointment", "Кто, к кому и когда"),
            Page("Напоминания", "notifications", "reminders.Reminder", "Что и когда напомнят"),
            Page("Расходы на рекламу", "ads_click", "routing.AdSpend", "Чтобы считать цену заявки"),
        ),
    ),
    ("Доступ", (Page("Люди и роли", "key", "tenants.Membership", "Кто может войти"),)),
    (
        "Журнал",
        (
            Page("Изменения", "history", "admin.LogEntry", "Кто и что менял"),
            Page("Решения по заявкам", "route", "routing.Decision", "Почему так решено"),
            Page("Обращения к модели", "forum", "assistant.ModelCall", "Что отправлено, сколько стоило"),
        ),
    ),
)

AGENCY: tuple[tuple[str, tuple[Page, ...]], ...] = (
    (
        "Бизнесы",
        (
            Page("Бизнесы", "storefront", "tenants.Tenant"),
            Page("Доступы к бизнесам", "key", "tenants.Membership"),
            Page("Адреса приёма", "webhook", "tenants.HookKey"),
        ),
    ),
    (
        "Агентство",
        (
            Page("Агентства", "apartment", "tenants.Agency"),
            Page("Доступы к агентствам", "badge", "tenants.AgencyMembership"),
            Page("Пользователи", "person", "tenants.User"),
        ),
    ),
    ("Работа", (Page("Отложенная работа", "pending_actions", "work.DueWork"),)),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's side bar: the pages that this person may open."""
    from tenants.sites import agency_site, business_site

    site, groups = (business_site, BUSINESS) if request.tenant else (agency_site, AGENCY)
    admins = {model._meta.label: model_admin for model, model_admin in site._registry.items()}
    return [
        {"title": title, "items": [_item(page) for page in pages if _is_open(request, admins.get(page.model))]}
        for title, pages in groups
    ]


def _is_open(request: HttpRequest, model_admin: ModelAdmin | None) -> bool:
    return model_admin is not None and model_admin.has_view_permission(request)


def _item(page: Page) -> dict[str, Any]:
    url = reverse(f"admin:{page.model.replace('.', '_').lower()}_changelist")
    return {"title": page.title, "icon": page.icon, "link": url, "about": page.about}


def title(request: HttpRequest) -> str:
    """What the admin is called: the business's name, or the product's."""
    return request.tenant.name if request.tenant else "Leadhub"


def way_out(request: HttpRequest) -> str:
    """From the admin back to work: the business's root as this request reached it, or the agency's list."""
    return request.META.get("SCRIPT_NAME", "") + "/"


def stylesheet(request: HttpRequest) -> str:
    """What our own pages of the admin need besides Unfold's styles."""
    return static("css/admin.css")


def script(request: HttpRequest) -> str:
    return static("js/admin.js")


def icon(request: HttpRequest) -> str:
    return static("icon.svg")
