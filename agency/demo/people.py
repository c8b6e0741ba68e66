"""Invented clients: names, phones of an unassigned range, ways to write both. Deterministic for a given Random."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from agency.packs import DEMO_PHONE_PREFIX

WOMEN = [
    "Анна",
    "Мария",
    "Елена",
    "Ольга",
    "Наталья",
    "Екатерина",
    "Светлана",
    "Юлия",
    "Ирина",
    "Татьяна",
    "Дарья",
    "Анастасия",
    "Виктория",
    "Ксения",
    "Алина",
    "Полина",
    "Марина",
    "Людмила",
    "Галина",
    "Вероника",
    "Кристина",
    "Валерия",
    "Софья",
    "Яна",
    "Оксана",
    "Надежда",
    "Любовь",
    "Евгения",
    "Лариса",
    "Диана",
    "Карина",
    "Ульяна",
    "Милана",
    "Арина",
    "Василиса",
    "Маргарита",
    "Жанна",
    "Инна",
    "Тамара",
    "Элина",
]
MEN = [
    "Александр",
    "Дмитрий",
    "Сергей",
    "Андрей",
    "Алексей",
    "Максим",
    "Иван",
    "Михаил",
    "Никита",
    "Артём",
    "Егор",
    "Роман",
    "Павел",
    "Владимир",
    "Кирилл",
    "Илья",
    "Денис",
    "Антон",
    "Евгений",
    "Николай",
    "Константин",
    "Олег",
    "Юрий",
    "Виктор",
    "Тимур",
    "Глеб",
    "Степан",
    "Фёдор",
    "Матвей",
    "Григорий",
    "Вадим",
    "Руслан",
]
LOCAL = {
    "ufa": (
        ["Гульнара", "Альбина", "Айгуль", "Лилия", "Эльвира", "Зарина", "Гузель", "Алсу", "Регина", "Миляуша"],
        ["Ильдар", "Рустам", "Айрат", "Азат", "Марат", "Ильнур"],
    )
}
SURNAMES = [
    "Попов",
    "Лебедев",
    "Козлов",
    "Новиков",
    "Морозов",
    "Волков",
    "Соловьёв",
    "Зайцев",
    "Виноградов",
    "Белов",
    "Комаров",
    "Орлов",
    "Киселёв",
]
PHONES_OF_ONE = 1_000_000  # numbers set apart for each demo business
_SCATTER = 617_537  # coprime to PHONES_OF_ONE: consecutive clients get numbers that look unrelated


@dataclass(frozen=True)
class Person:
    """`handle`: the name a messenger shows."""

    name: str
    is_woman: bool
    phone: str  # E.164
    handle: str


def new_person(rng: Random, *, number: int, business: int, city: str, women: float) -> Person:
    """The client `number` of demo business `business` (0-7); `women` is their share."""
    is_woman = rng.random() < women
    local = LOCAL.get(city, ((), ()))
    names = [*(WOMEN if is_woman else MEN), *(local[0] if is_woman else local[1]) * 2]
    name = rng.choice(names)
    surname = rng.choice(SURNAMES) + ("а" if is_woman else "")
    handle = rng.choice((name, f"{name} {surname}", f"{name} {surname[0]}.", name.lower()))
    return Person(name, is_woman, phone_of(number, business=business), handle)


def phone_of(number: int, *, business: int) -> str:
    """The 2 000 000s and up of the demo prefix: below them are the businesses' own numbers."""
    return f"{DEMO_PHONE_PREFIX}{business + 2}{(number * _SCATTER + 4_242) % PHONES_OF_ONE:06d}"


def spoken(rng: Random, phone: str) -> str:
    """A phone as people type it."""
    code, a, b, c = phone[2:5], phone[5:8], phone[8:10], phone[10:12]
    return rng.choice(
        (
            f"8{code}{a}{b}{c}",
            f"+7{code}{a}{b}{c}",
            f"8 {code} {a} {b} {c}",
            f"8 {code} {a}-{b}-{c}",
            f"+7 ({code}) {a}-{b}-{c}",
            f"8-{code}-{a}-{b}-{c}",
        )
    )
