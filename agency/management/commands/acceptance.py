"""`manage.py acceptance <tenant>`: play the packs' dialogues on a business's own settings."""

from __future__ import annotations

import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.acceptance import playing, report
from agency.acceptance.running import rehearse
from agency.packs.section import PackError
from leadhub import clock
from tenants.models import Tenant


class Command(BaseCommand):
    help = "Plays the packs' dialogues and a business's own checks on a copy of its settings; exit code 1 on a failure."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="the business's slug")
        parser.add_argument("--only", default="", help="play the scenarios whose id begins so")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"], closed_at=None).first()
        if tenant is None:
            raise CommandError(f"Нет такого бизнеса: {options['tenant']}.")
        logging.disable(logging.INFO)  # what is printed here is read by people
        try:
            done = rehearse(tenant, only=options["only"], now=clock.now(), say=self.stdout.write)
        except (PackError, playing.NotApplicable) as error:
            raise CommandError(str(error)) from None
        finally:
            logging.disable(logging.NOTSET)
        for outcome in done.failed:
            self.stdout.write(f"\n✗ {outcome.scenario.title}\n{report.details_of(outcome)}")
        self.stdout.write(f"\n{done.summary}\nОтчёт: {report.save(done)}")
        if done.failed:
            raise SystemExit(1)
