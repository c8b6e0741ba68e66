"""Reads one mapping of a pack file key by key and says exactly what is wrong: the file, the key, the problem."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as SafeLoader  # twenty times faster
except ImportError:  # a PyYAML built without libyaml
    from yaml import SafeLoader

_REQUIRED: Any = object()


class PackError(ValueError):
    """A pack file is missing or wrong; the message names the file, the key and the problem."""


class _UniqueKeys(SafeLoader):
    """YAML without the silent "the last of two equal keys wins"."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    "while reading a mapping", node.start_mark, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


class Section:
    """One mapping of a file. Every key must be asked for: `close()` refuses the ones nobody knows."""

    def __init__(self, data: Any, *, file: str, where: str = "") -> None:
        self.file, self.where = file, where
        if not isinstance(data, dict):
            raise PackError(f"{file}: {where or 'the file'}: expected a mapping, got {data!r}")
        self._data = data
        self._asked: set[str] = set()

    def wrong(self, key: str, problem: str) -> PackError:
        return PackError(f"{self.file}: {self._path(key)}: {problem}")

    def text(self, key: str, default: Any = _REQUIRED) -> str:
        return self._value(key, default, lambda value: isinstance(value, str) and bool(value.strip()), "a text")

    def number(self, key: str, default: Any = _REQUIRED, *, least: int = 0) -> Any:
        """A whole number not below `least`, or `default` when the key is absent."""

        def fits(value: Any) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and value >= least

        return self._value(key, default, fits, f"a whole number of at least {least}")

    def flag(self, key: str, default: Any = _REQUIRED) -> bool:
        return self._value(key, default, lambda value: isinstance(value, bool), "true or false")

    def choice(self, key: str, allowed: tuple[str, ...], default: Any = _REQUIRED) -> str:
        return self._value(key, default, lambda value: value in allowed, f"one of {', '.join(allowed)}")

    def day(self, key: str, default: Any = _REQUIRED) -> Any:
        return self._value(key, default, lambda value: isinstance(value, date), "a date like 2026-01-31")

    def texts(self, key: str, default: Any = _REQUIRED) -> tuple[str, ...]:
        def fits(value: Any) -> bool:
            return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)

        found = tuple(self._value(key, list(default) if default is not _REQUIRED else default, fits, "a list of texts"))
        if len({item.casefold() for item in found}) < len(found):
            raise self.wrong(key, "the same text stands twice")
        return found

    def section(self, key: str, default: Any = _REQUIRED) -> Section:
        value = self._value(key, default, lambda value: isinstance(value, dict), "a mapping")
        return Section(value, file=self.file, where=self._path(key))

    def mapping(self, key: str, default: Any = _REQUIRED) -> dict[str, Any]:
        """A mapping as it stands, for a caller that knows its keys."""
        return dict(self._value(key, default, lambda value: isinstance(value, dict), "a mapping"))

    def sections(self, key: str, default: Any = _REQUIRED) -> list[Section]:
        """The mappings of a list, in order."""
        items = self._value(key, default, lambda value: isinstance(value, list), "a list")
        return [Section(item, file=self.file, where=f"{self._path(key)}[{n}]") for n, item in enumerate(items, start=1)]

    def names(self) -> tuple[str, ...]:
        if odd := [key for key in self._data if not isinstance(key, str)]:
            raise self.wrong(str(odd[0]), "a key must be a text (quote it)")
        return tuple(self._data)

    def has(self, key: str) -> bool:
        return key in self._data

    def close(self) -> None:
        """Refuse the keys nobody asked for: a misspelt key is not silently ignored."""
        if unknown := [str(key) for key in self._data if key not in self._asked]:
            raise self.wrong(unknown[0], f"unknown key (known here: {', '.join(sorted(self._asked))})")

    def _value(self, key: str, default: Any, fits: Callable[[Any], bool], expected: str) -> Any:
        self._asked.add(key)
        if key not in self._data:
            if default is _REQUIRED:
                raise self.wrong(key, f"is missing, expected {expected}")
            return default
        value = self._data[key]
        if not fits(value):
            raise self.wrong(key, f"expected {expected}, got {value!r}")
        return value

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key


def read_file(path: Path) -> Section:
    """The top mapping of a pack file. Raises PackError when it is absent or is not YAML."""
    name = f"{path.parent.name}/{path.name}"
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 - a subclass of SafeLoader
    except FileNotFoundError:
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.yaml")))
        raise PackError(f"{name}: there is no such pack (there are: {known})") from None
    except yaml.YAMLError as error:
        raise PackError(f"{name}: not valid YAML: {error}") from None
    return Section(data, file=name)


def intervals(section: Section, key: str, default: Any = _REQUIRED) -> tuple[tuple[time, time], ...]:
    """Hours written "09:00-13:00, 14:00-18:00" as ordered pairs; "closed" gives none."""
    text = section.text(key, default)
    if text is None or text == "closed":
        return ()
    pairs: list[tuple[time, time]] = []
    for piece in text.split(","):
        start, dash, end = piece.strip().partition("-")
        try:
            pair = (time.fromisoformat(start.strip()), time.fromisoformat(end.strip()))
        except ValueError:
            raise section.wrong(key, f"expected hours like 09:00-18:00, got {piece.strip()!r}") from None
        if not dash or pair[0] >= pair[1] or (pairs and pair[0] < pairs[-1][1]):
            raise section.wrong(key, f"hours must run forward and not overlap, got {text!r}")
        pairs.append(pair)
    return tuple(pairs)
