"""What the stand-ins remember: tables of JSON rows in memory, and a journal on disk from which they come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

Row = dict[str, Any]


class Table:
    """Rows by text key in the order of their first appearance; above `limit` the oldest ones go."""

    def __init__(self, name: str, store: Store, limit: int) -> None:
        self.name = name
        self.limit = limit
        self._store = store
        self._rows: dict[str, Row] = {}

    def put(self, key: str, row: Row) -> Row:
        """Keep `row` under `key`, also over a restart. A row changed in place must be put again."""
        self._keep(key, row)
        self._store.write([self.name, key, row])
        return row

    def _keep(self, key: str, row: Row) -> None:
        self._rows[key] = row
        while len(self._rows) > self.limit:
            del self._rows[next(iter(self._rows))]

    def get(self, key: str) -> Row | None:
        return self._rows.get(key)

    def drop(self, key: str) -> None:
        if self._rows.pop(key, None) is not None:
            self._store.write([self.name, key, None])

    def clear(self) -> None:
        for key in list(self._rows):
            self.drop(key)

    def items(self) -> list[tuple[str, Row]]:
        return list(self._rows.items())

    def restore(self, key: str, row: Row | None) -> None:
        """Apply one journal line."""
        if row is None:
            self._rows.pop(key, None)
        else:
            self._keep(key, row)

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)


class Store:
    """All tables and their journal. Lines reach the operating system at once, the disk when it likes: no fsync."""

    MAX_LINES = 200_000

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[str, Table] = {}
        self._file: TextIO | None = None
        self._lines = 0
        self._counters = self.table("counters", limit=100_000)

    def table(self, name: str, *, limit: int) -> Table:
        """A new table; to be asked for before `open()`."""
        table = self._tables[name] = Table(name, self, limit)
        return table

    def counter(self, name: str, start: int = 1) -> Counter:
        """Numbers under `name`, from `start`."""
        return Counter(self._counters, name, start)

    def forget_counters(self, prefix: str) -> None:
        """Begin anew all counters whose names begin so."""
        for name, _ in self._counters.items():
            if name.startswith(prefix):
                self._counters.drop(name)

    def open(self) -> None:
        """Read the journal back and begin a fresh, shortened one. A line torn by a crash is left out."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            with self._path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    self._restore(line)
        self._shorten()

    def _restore(self, line: str) -> None:
        try:
            name, key, row = json.loads(line)
        except ValueError:
            return
        if name in self._tables:
            self._tables[name].restore(key, row)

    def write(self, line: list[Any]) -> None:
        if self._file is None:
            return
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._lines += 1
        if self._lines > self.MAX_LINES:
            self._shorten()

    def _shorten(self) -> None:
        """Replace the journal by one line a living row."""
        self.close()
        fresh = self._path.with_suffix(".new")
        self._lines = 0
        with fresh.open("w", encoding="utf-8") as out:
            for table in self._tables.values():
                for key, row in table.items():
                    out.write(json.dumps([table.name, key, row], ensure_ascii=False, separators=(",", ":")) + "\n")
                    self._lines += 1
        fresh.replace(self._path)
        self._lines = min(self._lines, self.MAX_LINES // 2)
        self._file = self._path.open("a", encoding="utf-8", buffering=1)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class Counter:
    """Numbers that grow by one and go on after a restart."""

    def __init__(self, table: Table, name: str, start: int) -> None:
        self._table = table
        self._name = name
        self._start = start

    def next(self) -> int:
        row = self._table.get(self._name)
        value = row["value"] + 1 if row else self._start
        self._table.put(self._name, {"value": value})
        return value
