"""Text of rules to rules. Whatever the text, it gives rules, or errors that name line, column and what was expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any as Anything

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError
from rapidfuzz import fuzz, process

from routing.rules import words
from routing.rules.shapes import Action, All, Any, Branch, Comparison, Condition, Not, Operator, Rule, Value

LONGEST = 100_000  # characters of a text: hundreds of rules
DEEPEST = 40  # brackets and negations within one another
_UNITS = "|".join(
    sorted({re.escape(unit) for one in words.UNITS for unit in (*one[:2], *one[3])}, key=len, reverse=True)
)
_GRAMMAR = rf"""
start: rule*
rule: header? statement _END?
header: RULE STRING? events? OFF? ":"
events: ON WORD ("," WORD)*
statement: branch (ELSE branch)* otherwise?
branch: IF condition THEN actions
otherwise: ELSE actions
actions: action (("," | AND) action)*
action: WORD "=" value | WORD
?condition: any
any: all (OR all)*
all: not (AND not)*
?not: NOT not -> negated | test | "(" condition ")"
test: WORD _compared
_compared: (OPERATOR | "=" | CONTAINS) value | is_in | is_set
is_in: NOT? IN "(" value ("," value)* ")"
is_set: IS? NOT? SET
value: WORD | STRING | NUMBER | DURATION

OPERATOR: />=|<=|!=|<>|≠|≥|≤|>|</
DURATION.3: /\d+(?:[.,]\d+)?[ \t]*(?:{_UNITS})(?!\w)/i
NUMBER.2: /-?\d+(?:[.,]\d+)?%?(?![\w.\-])/
WORD: /\w[\w.\-@\/+]*/
STRING: /"(?:[^"\\\n]|\\["\\])*"|«[^»\n]*»|“[^”\n]*”/
COMMENT: /#[^\n]*/
_END: ";"
%declare RULE ON OFF IF THEN ELSE AND OR NOT IN IS SET CONTAINS
%ignore COMMENT
%ignore /[\s\ufeff]+/
"""
_OPERATORS: dict[str, Operator] = {
    "=": "=", "!=": "!=", ">": ">", "<": "<", ">=": ">=", "<=": "<=", "<>": "!=", "≠": "!=", "≥": ">=", "≤": "<="
}  # fmt: skip
_EXPECTED = {
    "WORD": "имя или значение",
    "STRING": "текст в кавычках",
    "NUMBER": "число",
    "DURATION": "срок (60s, 15min, 2h)",
    "OPERATOR": "сравнение (=, !=, >, <, >=, <=)",
    "EQUAL": "«=»",
    "COMMA": "запятая",
    "COLON": "двоеточие",
    "LPAR": "«(»",
    "RPAR": "«)»",
    "_END": "«;»",
    "$END": "конец текста",
}


@dataclass(frozen=True)
class RuleError:
    """What is wrong, in Russian, and where: line and column count from 1."""

    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"строка {self.line}, столбец {self.column}: {self.message}"


@dataclass(frozen=True)
class Read:
    """Rules of a text, or its errors: never both."""

    rules: tuple[Rule, ...] = ()
    errors: tuple[RuleError, ...] = ()
    language: words.Language = "en"  # of the first keyword


def read_rules(text: str) -> Read:
    """Rules of a text, in their order. Never raises: whatever is wrong is among `errors`, in the order of the text."""
    if len(text) > LONGEST:
        return Read(errors=(RuleError(1, 1, f"текст длиннее {LONGEST} знаков"),))
    tokens, notes = _Tokens(text), []
    try:
        notes = tokens.split()
        _check_depth(tokens.kept)
        tree = _parser().parse(text)
    except _TooDeep as error:
        return Read(errors=(RuleError(*_place(error.token), f"вложено глубже {DEEPEST} уровней"),))
    except UnexpectedInput as error:
        return Read(errors=(_explained(error, text),))
    builder = _Builder()
    try:
        rules: tuple[Rule, ...] = builder.transform(tree)
    except VisitError as error:  # our own mistake, not the writer's: it must be seen
        raise error.orig_exc from error
    if builder.errors:
        return Read(errors=tuple(sorted(builder.errors, key=lambda each: (each.line, each.column))))
    return Read(tuple(_with_notes(rules, builder.lines, notes)), language=tokens.language)


# --- Words of the text ----------------------------------------------------------------------------------------------


@cache
def _keywords() -> dict[str, str]:
    named = {word.casefold(): terminal for terminal, pair in words.KEYWORDS.items() for word in pair if word}
    return named | words.READ_AS


def _as_keyword(token: Token) -> Token:
    return token.update(type=_keywords().get(token.casefold(), "WORD"))


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", lexer="basic", lexer_callbacks={"WORD": _as_keyword})


class _TooDeep(Exception):
    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self.token = token


class _Tokens:
    """The words of a text beside the parser's own look at them: its language, its comments, how deep it goes."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.kept: list[Token] = []
        self.language: words.Language = "en"

    def split(self) -> list[tuple[int, str]]:
        """Comment lines with their numbers."""
        self.kept = list(_parser().lex(self._text))
        first = next((token for token in self.kept if token.type in words.KEYWORDS), None)
        if first is not None and re.search("[а-яё]", first.casefold()):
            self.language = "ru"
        inside = [(token.start_pos or 0, token.end_pos or 0) for token in self.kept if token.type == "STRING"]
        found = []
        for match in re.finditer(r"#[^\n]*", self._text):
            if not any(start <= match.start() < end for start, end in inside):
                line = self._text.count("\n", 0, match.start()) + 1
                found.append((line, match[0].removeprefix("#").strip()))
        return found


def _check_depth(tokens: Sequence[Token]) -> None:
    """Python's own stack is the limit of what is nested; a rule that people can read is far from it."""
    depth = negated = 0
    for token in tokens:
        negated = negated + 1 if token.type == "NOT" else 0
        depth += {"LPAR": 1, "RPAR": -1}.get(token.type, 0)
        if depth + negated > DEEPEST:
            raise _TooDeep(token)


def _explained(error: UnexpectedInput, text: str) -> RuleError:
    if isinstance(error, UnexpectedCharacters):
        sign = text[error.pos_in_stream or 0]
        wrong = "кавычка не закрыта" if sign in '"«“' else f"непонятный знак «{sign}»"
        return RuleError(error.line, error.column, f"{wrong}; ожидалось: слово, число или текст в кавычках")
    assert isinstance(error, UnexpectedToken)
    token = error.token
    expected = ", ".join(_readable(error.accepts or error.expected))
    if token.type == "$END":
        rows = text.rstrip().split("\n")
        return RuleError(len(rows), len(rows[-1]) + 1, f"правило не закончено; ожидалось: {expected}")
    return RuleError(*_place(token), f"лишнее «{token}»; ожидалось: {expected}")


def _readable(terminals: set[str]) -> list[str]:
    names = {_EXPECTED.get(each) or " / ".join(word for word in words.KEYWORDS[each] if word) for each in terminals}
    return sorted(names)


# --- Rules out of the tree ------------------------------------------------------------------------------------------


@v_args(inline=True)
class _Builder(Transformer):
    """Checks names and values on the way; what is wrong is noted, and something harmless stands in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[RuleError] = []
        self.lines: list[int] = []  # the last line of each rule

    def start(self, *rules: Rule) -> tuple[Rule, ...]:
        return rules

    def rule(self, *parts: Anything) -> Rule:
        head = parts[0] if isinstance(parts[0], Rule) else Rule(())
        branches, otherwise, last = parts[-1]
        self.lines.append(last)
        return replace(head, branches=branches, otherwise=otherwise)

    def header(self, *parts: Anything) -> Rule:
        name = next((_unquoted(part) for part in parts if _is(part, "STRING")), "")
        events = next((part for part in parts if isinstance(part, tuple)), ())
        return Rule((), (), name, events, not any(_is(part, "OFF") for part in parts))

    def events(self, _on: Token, *names: Token) -> tuple[str, ...]:
        found = []
        for name in names:
            event = words.event_of(str(name))
            if event is None:
                self._unknown(name, "событие", words.EVENTS)
            elif event.key not in found:
                found.append(event.key)
        return tuple(found)

    def statement(self, *parts: Anything) -> tuple[tuple[Branch, ...], tuple[Action, ...], int]:
        done = [part for part in parts if isinstance(part, tuple)]
        branches = tuple(part for part, _ in done if isinstance(part, Branch))
        last, line = done[-1]
        return branches, () if isinstance(last, Branch) else last, line

    def branch(self, *parts: Anything) -> tuple[Branch, int]:
        _if, condition, _then, (actions, line) = parts
        return Branch(condition, actions), line

    def otherwise(self, _else: Token, actions: tuple[tuple[Action, ...], int]) -> tuple[tuple[Action, ...], int]:
        return actions

    def actions(self, *parts: Anything) -> tuple[tuple[Action, ...], int]:
        done = [part for part in parts if isinstance(part, tuple)]
        return tuple(action for action, _ in done), done[-1][1]

    def action(self, name: Token, value: Token | None = None) -> tuple[Action, int]:
        last, _ = _place(name if value is None else value)
        word = words.action_of(str(name))
        if word is None:
            self._unknown(name, "действие", words.ACTIONS)
            return Action(str(name)), last
        if word.value == "" and value is not None:
            self._note(value, f"«{name}» не берёт значения")
        if word.value and value is None:
            self._note(name, f"после «{name}» ожидалось «=» и значение", after=True)
        text = None if value is None else _text(value)
        if value is not None and text == "":
            self._note(value, "пустое значение")
        if value is not None and word.value == "choice" and text and words.choice_of(word.choices, text) is None:
            self._not_among(value, word.choices)
        return Action(word.key, text), last

    def negated(self, _not: Token, part: Condition) -> Condition:
        return Not(part)

    def all(self, *parts: Anything) -> Condition:
        return _joined(All, parts)

    def any(self, *parts: Anything) -> Condition:
        return _joined(Any, parts)

    def is_in(self, *parts: Anything) -> tuple[str, tuple[Token, ...]]:
        values = tuple(part for part in parts if not _is(part, "NOT") and not _is(part, "IN"))
        return ("not in" if _is(parts[0], "NOT") else "in"), values

    def is_set(self, *parts: Token) -> tuple[str, tuple[Token, ...]]:
        return ("is not set" if any(_is(part, "NOT") for part in parts) else "is set"), ()

    def value(self, token: Token) -> Token:
        return token

    def test(self, name: Token, *parts: Anything) -> Comparison:
        operator: Operator
        values: tuple[Token, ...]
        if isinstance(parts[0], tuple):
            operator, values = parts[0]
            sign = name
        else:
            # "=" is kept out of the tree: it stands in actions too.
            sign = parts[0] if len(parts) == 2 else Token.new_borrow_pos("OPERATOR", "=", name)
            operator = "contains" if sign.type == "CONTAINS" else _OPERATORS[str(sign)]
            values = (parts[-1],)
        known = words.field_of(str(name))
        if known is None:
            self._unknown(name, "поле", words.FIELDS)
            return Comparison(str(name), operator, tuple(map(_text, values)))
        if operator not in known.operators:
            allowed = ", ".join(_sign(each) for each in known.operators)
            self._note(sign, f"«{name}» так не сравнивают; ожидалось: {allowed}")
        return Comparison(known.key, operator, tuple(self._read(known, value) for value in values))

    def _read(self, known: words.Field, token: Token) -> Value:
        text = _text(token)
        if known.kind == "number":
            if token.type == "NUMBER":
                return _number(text.removesuffix("%"))
            self._note(token, f"«{known.title}» сравнивают с числом; ожидалось: число")
        elif known.kind == "duration":
            length = _length(token) if token.type == "DURATION" else None
            if length is not None:
                return length
            self._note(token, "ожидалось: срок в целых секундах или больше (60s, 15min, 2h)")
        elif known.choices and words.choice_of(known.choices, text) is None:
            self._not_among(token, known.choices)
        elif not text.strip():
            self._note(token, "пустое значение")
        return text

    def _note(self, token: Token, message: str, *, after: bool = False) -> None:
        line, column = _place(token)
        self.errors.append(RuleError(line, column + len(token) if after else column, message))

    def _unknown(self, token: Token, what: str, known: Sequence[words.Named]) -> None:
        names = [name for each in known for name in (each.key, each.russian)]
        close = process.extractOne(str(token).casefold(), names, scorer=fuzz.ratio, score_cutoff=60)
        told = f"может быть, {close[0]}?" if close else "ожидалось: " + ", ".join(each.key for each in known)
        self._note(token, f"нет такого: {what} «{token}»; {told}")

    def _not_among(self, token: Token, choices: Sequence[words.Choice]) -> None:
        listed = ", ".join(f"{each.key} ({each.title})" for each in choices)
        self._note(token, f"«{_text(token)}» не подходит; ожидалось: {listed}")


def _joined(kind: type[All] | type[Any], parts: Sequence[Anything]) -> Condition:
    """One part is itself; parts of the same kind are taken in: brackets that change nothing are no difference."""
    conditions: list[Condition] = []
    for part in parts:
        if not isinstance(part, Token):
            conditions += part.parts if isinstance(part, kind) else [part]
    return conditions[0] if len(conditions) == 1 else kind(tuple(conditions))


def _place(token: Token) -> tuple[int, int]:
    return token.line or 1, token.column or 1


def _is(part: Anything, terminal: str) -> bool:
    return isinstance(part, Token) and part.type == terminal


def _text(token: Token) -> str:
    return _unquoted(token) if token.type == "STRING" else str(token)


def _unquoted(token: Token) -> str:
    inside = str(token)[1:-1]
    return re.sub(r'\\(["\\])', r"\1", inside) if token[0] == '"' else inside


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def _length(token: Token) -> timedelta | None:
    match = re.fullmatch(r"([\d.,]+)[ \t]*(\D+)", str(token))
    if match is None:
        return None
    try:
        length = words.length_of(_number(match[1]), match[2])
    except OverflowError:
        return None
    return length if length and length.total_seconds() >= 1 and not length.microseconds else None


def _sign(operator: str) -> str:
    return {"in": "IN / ИЗ (…)", "not in": "NOT IN / НЕ ИЗ (…)", "contains": "CONTAINS / СОДЕРЖИТ"}.get(
        operator, {"is set": "IS SET / ЗАДАН", "is not set": "IS NOT SET / НЕ ЗАДАН"}.get(operator, operator)
    )


def _with_notes(rules: Sequence[Rule], lines: Sequence[int], notes: Sequence[tuple[int, str]]) -> list[Rule]:
    """A comment belongs to the rule that it stands before or in; what follows the last one belongs to that."""
    found, before = [], 0
    for number, (rule, last) in enumerate(zip(rules, lines, strict=True)):
        until = last if number + 1 < len(rules) else 10**9
        own = tuple(text for line, text in notes if before < line <= until)
        found.append(replace(rule, notes=own) if own else rule)
        before = until
    return found
