"""`manage.py train`: the local engine's weights from the labelled texts; needs no database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.packs import loading
from agency.packs.shapes import TRADES
from assistant.model import ARTEFACT


class Command(BaseCommand):
    help = "Fits the weights of the local engine to assistant/training/texts; the same texts give the same weights."
    requires_system_checks: list[str] = []  # it must run with no services at all

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", default=str(ARTEFACT), help="where the weights are written")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from assistant.training.shipping import shipped_weights
        except ImportError as error:
            raise CommandError(f"{error}; make train installs what training needs (requirements-train.in)") from error
        model = shipped_weights({trade: loading.load_trade(trade).price_list() for trade in TRADES})
        data = model.save()
        Path(options["output"]).write_bytes(data)
        signs = sum(len(rows) for rows in model.rows.values())
        self.stdout.write(f"{signs} signs, {len(data) / 1e6:.2f} MB, heat {model.heat}: {options['output']}")
