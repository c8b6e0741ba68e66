"""The notation of rules: it reads, prints back, and whatever is wrong is told with its place."""

from __future__ import annotations

import random
import string
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from routing.rules import words
from routing.rules.reading import read_rules
from routing.rules.shapes import Action, All, Any, Branch, Comparison, Not, Rule
from routing.rules.writing import in_words_of, write_rules

TRADES_OWN = (
    'IF source = Instagram AND service = "стрижка" AND customer_status = "новый"'
    " THEN assign_to = queue_barbers_round_robin"
    " ELSE IF response_time > 60s THEN reassign_to = backup_manager"
    ' ELSE create_task = "Перезвонить"\n'
)
LONG = """\
# Летняя реклама
ПРАВИЛО "Реклама — вперёд" ПРИ новая_заявка, новые_данные:
ЕСЛИ utm_вид = ad И НЕ (время = night ИЛИ загрузка >= 90)
ТО приоритет = high И метка = "реклама" И назначить = role_manager
ИНАЧЕ ЕСЛИ промокод ЗАДАН
ТО метка = "промо"
ПРАВИЛО "Ночные" ВЫКЛЮЧЕНО:
ЕСЛИ время ИЗ (night, holiday) И источник НЕ ЗАДАН И балл < 40.5
ТО задача = "утро"
"""


def test_the_trades_own_rule_is_read_and_printed_back_as_it_is():
    read = read_rules(TRADES_OWN)
    assert read.errors == ()
    [rule] = read.rules
    assert [branch.actions[0].name for branch in rule.branches] == ["assign_to", "reassign_to"]
    assert rule.branches[1].condition == Comparison("response_time", ">", (timedelta(seconds=60),))
    assert rule.otherwise == (Action("create_task", "Перезвонить"),)
    assert write_rules(read.rules, read.language) == TRADES_OWN


def test_names_events_notes_and_switches_come_back():
    read = read_rules(LONG)
    assert read.language == "ru"
    assert write_rules(read.rules, "ru", wide=False) == LONG
    ads, night = read.rules
    assert (ads.name, ads.events, ads.notes) == ("Реклама — вперёд", ("new_lead", "facts_changed"), ("Летняя реклама",))
    assert not night.is_enabled


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("if ((score>=70)) then stop", "IF score >= 70 THEN stop"),
        ("if (a_b = 1) then stop", None),
        ("ЕСЛИ БАЛЛ ≥ 70 ТО стоп;", "ЕСЛИ балл >= 70 ТО стоп"),
        ('IF source = “Ин ста” THEN tag = «а "б"»', 'IF source = "Ин ста" THEN tag = "а \\"б\\""'),
        ("IF response_time > 120 s THEN stop", "IF response_time > 2min THEN stop"),
        ("IF response_time > 1.5 часа THEN stop", "IF response_time > 90min THEN stop"),
        ("IF load > 80% THEN stop", "IF load > 80 THEN stop"),
        ("IF NOT channel IN (вк, max) THEN stop, tag = 1", 'IF NOT channel IN ("вк", max) THEN stop AND tag = "1"'),
        ("IF channel NOT IN (vk) THEN stop", "IF channel NOT IN (vk) THEN stop"),
        (
            "IF (score > 1 AND (score > 2 AND load > 3)) OR load = 1 THEN stop",
            "IF score > 1 AND score > 2 AND load > 3 OR load = 1 THEN stop",
        ),
        ("IF source = 'x' THEN stop", None),
    ],
)
def test_one_canonical_way_to_write_a_rule(written, canonical):
    read = read_rules(written)
    assert (write_rules(read.rules, read.language) if read.rules else None) == (canonical and canonical + "\n")


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("IF", 1, 3, "имя или значение"),
        ("IF source = a\nTHEN", 2, 5, "имя или значение"),
        ("IF source Instagram THEN stop", 1, 11, "«=»"),
        ("IF source = a AND\n  OR score > 1 THEN stop", 2, 3, "имя или значение"),
        ('IF source = "a THEN stop', 1, 13, "кавычка не закрыта"),
        ("ЕСЛИ (источник = а ТО стоп", 1, 20, "«)»"),
        ("IF source = a THEN stop ELSE", 1, 29, "IF / ЕСЛИ"),
        ("IF sorce = a THEN stop", 1, 4, "source"),
        ("IF score > много THEN stop", 1, 12, "число"),
        ("IF response_time > 60 THEN stop", 1, 20, "срок"),
        ("IF intent = покупка THEN stop", 1, 13, "booking (запись)"),
        ("IF intent > booking THEN stop", 1, 11, "IN / ИЗ"),
        ("IF score > 1 THEN asign_to = x", 1, 19, "assign_to"),
        ("IF score > 1 THEN stop = 5", 1, 26, "не берёт"),
        ("IF score > 1 THEN tag", 1, 22, "значение"),
        ("IF score > 1 THEN strategy = как_нибудь", 1, 30, "round_robin"),
        ("RULE ON somtimes: IF score > 1 THEN stop", 1, 9, "new_lead"),
        ("IF score > 1 THEN tag = a; $", 1, 28, "непонятный знак"),
        ("IF " + "(" * 200 + "score > 1" + ")" * 200 + " THEN stop", 1, 44, "вложено"),
        ("IF " + "NOT " * 200 + "score > 1 THEN stop", 1, 164, "вложено"),
    ],
)
def test_an_error_names_its_place_and_what_was_expected(text, line, column, expected):
    read = read_rules(text)
    assert read.rules == ()
    error = read.errors[0]
    assert ((error.line, error.column), expected in error.message) == ((line, column), True), error


def test_every_wrong_name_of_a_text_is_told_at_once():
    errors = read_rules("IF sorce = a THEN stop\nIF score > x THEN taag = b").errors
    assert [(each.line, each.column) for each in errors] == [(1, 4), (2, 12), (2, 19)]


# --- Whatever rule there may be -------------------------------------------------------------------------------------

texts = st.text(string.ascii_letters + "абвыё «»\"\\'#;:,()=-_.0123456789", min_size=1, max_size=12).filter(str.strip)
lengths = st.integers(1, 10**6).map(lambda seconds: timedelta(seconds=seconds))
numbers = st.decimals(-1000, 1000, places=2).map(lambda value: Decimal(f"{value.normalize():f}"))


def _values(field: words.Field):
    if field.kind == "number":
        return numbers
    if field.kind == "duration":
        return lengths
    return st.sampled_from([each.key for each in field.choices]) if field.choices else texts


@st.composite
def comparisons(draw):
    field = draw(st.sampled_from(words.FIELDS))
    operator = draw(st.sampled_from(field.operators))
    how_many = {"in": 3, "not in": 2, "is set": 0, "is not set": 0}.get(operator, 1)
    return Comparison(field.key, operator, tuple(draw(_values(field)) for _ in range(how_many)))


def _joined(parts):
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        parts.map(Not),
        several.map(lambda them: All(_flat(All, them))),
        several.map(lambda them: Any(_flat(Any, them))),
    )


def _flat(kind, parts):
    return tuple(inner for part in parts for inner in (part.parts if isinstance(part, kind) else [part]))


conditions = st.recursive(comparisons(), _joined, max_leaves=8)


@st.composite
def actions(draw):
    word = draw(st.sampled_from(words.ACTIONS))
    if word.value == "":
        return Action(word.key)
    return Action(word.key, draw(st.sampled_from([each.key for each in word.choices]) if word.choices else texts))


some_actions = st.lists(actions(), min_size=1, max_size=3).map(tuple)
note = st.text('абв xyz"«()', max_size=10).map(str.strip)
rules = st.builds(
    Rule,
    st.lists(st.builds(Branch, conditions, some_actions), min_size=1, max_size=3).map(tuple),
    st.one_of(st.just(()), some_actions),
    st.one_of(st.just(""), texts),
    st.lists(st.sampled_from([each.key for each in words.EVENTS]), unique=True, max_size=3).map(tuple),
    st.booleans(),
    st.lists(note, max_size=2).map(tuple),
)


@given(st.lists(rules, max_size=4), st.sampled_from(["en", "ru"]), st.booleans())
def test_what_is_written_is_read_back(them, language, wide):
    text = write_rules(them, language, wide=wide)
    read = read_rules(text)
    assert read.errors == ()
    assert list(read.rules) == them
    assert write_rules(read.rules, language, wide=wide) == text


def test_ten_thousand_random_edits_give_errors_and_never_exceptions():
    dice = random.Random(20261122)
    signs = string.printable + "ЕСЛИТОИНАЧЕ«»“”№≥≠🙂\u00a0\u200b\ud800\x00"
    pieces = ["IF", "ТО", "NOT", "(", ")", '"', "60s", "=", ">", ",", ";", "AND", "ИЛИ", "RULE", ":", "#", "\n", "IN"]
    wrong = 0
    for number in range(10_000):
        text = TRADES_OWN if number % 2 else LONG
        for _ in range(dice.randint(1, 6)):
            start = dice.randrange(len(text) + 1)
            end = start + dice.choice([0, 0, 1, 1, 3, 20])
            text = text[:start] + dice.choice([dice.choice(signs), dice.choice(pieces), ""]) + text[end:]
        read = read_rules(text)
        assert not (read.rules and read.errors)
        rows = text.split("\n")
        for error in read.errors:
            assert 1 <= error.line <= len(rows)
            assert 1 <= error.column <= len(rows[error.line - 1]) + 1
            assert error.message
        wrong += bool(read.errors)
        if not read.errors:
            assert read_rules(write_rules(read.rules)).rules == read.rules
    assert wrong > 5_000


# --- The command ----------------------------------------------------------------------------------------------------


def test_command_prints_the_canonical_text(tmp_path, capsys):
    file = tmp_path / "rules.txt"
    file.write_text("\ufeff" + TRADES_OWN.replace(" AND ", "\n  and "), encoding="utf-8")
    call_command("rules", "--check", str(file))
    assert capsys.readouterr().out == TRADES_OWN


def test_command_tells_the_errors_and_fails(tmp_path):
    file = tmp_path / "rules.txt"
    file.write_text("IF score > 1\nTHEN taag = a", encoding="utf-8")
    with pytest.raises(CommandError) as told:
        call_command("rules", "--check", str(file))
    assert f"{file}:2:6: строка 2, столбец 6" in str(told.value)
    assert told.value.returncode == 1
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="UTF-8"):
        call_command("rules", "--check", str(file))
    with pytest.raises(CommandError, match="не удалось открыть"):
        call_command("rules", "--check", str(tmp_path / "none"))


@given(rules)
def test_a_rule_means_the_same_in_the_words_of_either_language(rule):
    russian = in_words_of(rule, "ru")
    assert read_rules(write_rules([russian], "ru")).rules == (russian,)
    assert in_words_of(russian, "en") == rule  # it was made of keys


def test_words_of_the_other_language_alone_are_replaced():
    [rule] = read_rules(
        'IF intent IN ("цена", complaint) AND time = "ночь" AND channel = telegram'
        ' THEN strategy = "по весам" AND tag = "ночь"'
    ).rules
    assert write_rules([in_words_of(rule, "en")], "en") == (
        "IF intent IN (price_question, complaint) AND time = night AND channel = telegram"
        ' THEN strategy = weighted AND tag = "ночь"\n'
    )
    assert write_rules([in_words_of(rule, "ru")], "ru") == (
        'ЕСЛИ намерение ИЗ ("цена", "жалоба") И время = "ночь" И канал = telegram'
        ' ТО порядок = "по весам" И метка = "ночь"\n'
    )
