"""`manage.py train`: the shipped weights from the labelled texts, or with --tenant a business's own version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django_tenants.utils import tenant_context

from agency.packs import loading
from agency.packs.shapes import TRADES
from assistant.model import ARTEFACT
from leadhub import clock

BY = "manage.py train"


class Command(BaseCommand):
    help = (
        "Fits the weights of the local engine to assistant/training/texts; the same texts give the same weights."
        " With --tenant: trains a version on a business's examples and compares it with the one in use; exit code 1"
        " when it is not better."
    )
    requires_system_checks: list[str] = []  # without --tenant it must run with no services at all

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", default=str(ARTEFACT), help="where the shipped weights are written")
        parser.add_argument("--tenant", help="slug of the business whose examples are learned")
        parser.add_argument("--publish", action="store_true", help="use the version when it is better")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["tenant"]:
            self._teach(options["tenant"], publish=options["publish"])
        elif options["publish"]:
            raise CommandError("--publish needs --tenant")
        else:
            self._ship(options["output"])

    def _ship(self, output: str) -> None:
        from assistant.training.shipping import shipped_weights  # numpy and scipy, which nothing else here needs

        model = shipped_weights({trade: loading.load_trade(trade).price_list() for trade in TRADES})
        data = model.save()
        Path(output).write_bytes(data)
        signs = sum(len(rows) for rows in model.rows.values())
        self.stdout.write(f"{signs} signs, {len(data) / 1e6:.2f} MB, heat {model.heat}: {output}")

    def _teach(self, slug: str, *, publish: bool) -> None:
        from assistant.learning import versions
        from tenants.models import Tenant

        tenant = Tenant.objects.filter(slug=slug, closed_at=None).first()
        if tenant is None:
            raise CommandError(f"Нет открытого бизнеса {slug}.")
        with tenant_context(tenant):
            try:
                version = versions.run(versions.begin(by=BY, now=clock.now()).pk, tell=self._tell)
                self._report(version.measures)
                if version.why:
                    raise CommandError(f"{version} не принята: {version.why}")
                if publish:
                    versions.publish(version.pk, by=BY, now=clock.now())
            except versions.NotPossible as refusal:
                raise CommandError(str(refusal)) from None
        self.stdout.write(f"{version} {'работает' if publish else 'лучше, её можно включить'}.")

    def _tell(self, stage: str, percent: int) -> None:
        self.stdout.write(f"{percent:>3} %  {stage}")

    def _report(self, measures: dict[str, Any]) -> None:
        """Before and after, on the business's own held-back examples and on the common texts."""
        for title, name in (("свои примеры для проверки", "own"), ("общие тексты", "common")):
            if name not in measures:
                continue
            before, after = measures[name]
            self.stdout.write(
                f"{title}: верно {before['right']} -> {after['right']} из {after['count']},"
                f" вероятность верного {before['chance']:.2f} -> {after['chance']:.2f},"
                f" все пометки {before['labels']:.3f} -> {after['labels']:.3f},"
                f" срочные {before['urgent_recall']:.2f} -> {after['urgent_recall']:.2f}"
            )
