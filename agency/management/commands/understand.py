"""`manage.py understand --input in.jsonl --output out.jsonl`: what messages mean, read without a database."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.packs import loading
from agency.packs.shapes import TRADES
from assistant.places import city_key
from assistant.understand import understand

SLOTS = ("service", "datetime", "phone", "name", "geo", "promo")
CITY_KEYS = ("ufa", "omsk", "nizhny", "krasnoyarsk")


class Command(BaseCommand):
    help = "Reads lines {id, text, now, city, trade}, writes what each message means; needs no tenant and no database."
    requires_system_checks: list[str] = []  # it must run with no services at all

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--input", required=True, help="JSON lines with id, text, now (naive local time), city, trade"
        )
        parser.add_argument(
            "--output", required=True, help="JSON lines: id and the understanding, in the input's order"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lines = Path(options["input"]).read_bytes().splitlines()
        except OSError as error:
            raise CommandError(f"cannot read {options['input']}: {error.strerror}") from error
        failed = 0
        with Path(options["output"]).open("w", encoding="utf-8") as output:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                answer = self._answer(line, number)
                failed += "error" in answer
                output.write(json.dumps(answer, ensure_ascii=False) + "\n")
        if failed:
            self.stderr.write(f"{failed} of {len(lines)} lines could not be read")

    def _answer(self, line: bytes, number: int) -> dict[str, Any]:
        """The object for one line; a line that cannot be read gives its error and does not stop the others."""
        task: Any = None
        try:
            task = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            return {"id": task["id"], **_understood(task)}
        except (UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
            self.stderr.write(f"line {number}: {reason}")
            return {"id": task.get("id") if isinstance(task, dict) else None, "error": f"line {number}: {reason}"}


def _understood(task: dict[str, Any]) -> dict[str, Any]:
    """The understanding of one task; raises ValueError or KeyError that says what is wrong with it."""
    text, trade, city = task["text"], task["trade"], city_key(str(task["city"]))
    if not isinstance(text, str):
        raise ValueError("text is not a string")
    if trade not in TRADES:
        raise ValueError(f"unknown trade {trade!r}; known: {', '.join(TRADES)}")
    if city not in CITY_KEYS:
        raise ValueError(f"unknown city {task['city']!r}; known: {', '.join(CITY_KEYS)}")
    now = datetime.fromisoformat(task["now"])
    if now.tzinfo is not None:
        now = now.replace(tzinfo=None)  # the wall clock of the branch is what counts
    prices = loading.load_trade(trade).price_list()
    meaning = understand(text, now=now, price_list=prices, city=city).to_json()
    del meaning["engine"]  # of the record of a real message
    return meaning | {"slots": dict.fromkeys(SLOTS, []) | meaning["slots"]}
