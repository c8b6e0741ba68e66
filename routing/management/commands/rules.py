"""`manage.py rules --check FILE`: whether a file of routing rules can be read, and how it is written canonically."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.rules.reading import read_rules
from routing.rules.writing import write_rules


class Command(BaseCommand):
    help = "Prints the canonical text of a file of rules, or its errors; needs no tenant and no database."
    requires_system_checks: list[str] = []  # it must run with no services at all

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", metavar="FILE", required=True, help="the rules to read, UTF-8")
        parser.add_argument(
            "--language", choices=("en", "ru"), help="language of the printed text; that of the file by default"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["check"]
        try:
            text = Path(name).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise CommandError(f"не удалось открыть {name}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{name}: текст не в UTF-8 (байт {error.start + 1})") from error
        read = read_rules(text)
        if read.errors:
            raise CommandError("\n".join(f"{name}:{each.line}:{each.column}: {each}" for each in read.errors))
        self.stdout.write(write_rules(read.rules, options["language"] or read.language), ending="")
