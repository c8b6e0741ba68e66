"""A stage for rehearsals: a throw-away business with the settings of a real one, and none of its clients."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.apps import apps
from django.db import connection, models, transaction
from django_tenants.utils import tenant_context

from channels_app.models import ChannelAccount
from routing import config
from tenants.business.models import Branch, BusinessSettings, ModelUse
from tenants.models import ChannelKind, Tenant
from tenants.provisioning import close_tenant, open_tenant

SETTINGS_APPS = ("business", "assistant", "routing")
PREFIX = "proba-"  # of the throw-away businesses' slugs
LEFT_OVER = timedelta(hours=2)  # an older stage belongs to a run that died


@contextmanager
def stage(real: Tenant, *, now: datetime) -> Iterator[Tenant]:
    """A business with the settings of `real`, gone for good afterwards.

    It is closed from its first moment, so that no page, list or worker of another process ever meets it; what is played
    on it opens it in its own transaction and rolls that back."""
    _sweep(now=now)
    copy = _open_copy(real, now=now)
    try:
        yield copy
    finally:
        connection.set_schema_to_public()
        close_tenant(copy, now=now, erase=True)
        config.forget_all()


def _sweep(*, now: datetime) -> None:
    for old in Tenant.objects.filter(slug__startswith=PREFIX, closed_at__lt=now - LEFT_OVER):
        close_tenant(old, now=now, erase=True)


@transaction.atomic
def _open_copy(real: Tenant, *, now: datetime) -> Tenant:
    slug = PREFIX + secrets.token_hex(6)
    copy = open_tenant(slug=slug, name=real.name, agency=real.agency, trade=real.trade, city=real.city, is_demo=True)
    copy.closed_at = now
    copy.save(update_fields=["closed_at"])
    for model in settings_models():
        _copy_rows(model, real.schema_name, copy.schema_name)
    with tenant_context(copy):
        # A rehearsal asks nobody outside and costs nothing.
        BusinessSettings.objects.update(model_use=ModelUse.NEVER, compares_meaning=False)
        branch = Branch.objects.filter(is_active=True).first()
        for kind in (ChannelKind.WEBCHAT, ChannelKind.SMS):
            ChannelAccount.objects.create(kind=kind, name="Проверка", branch=branch)
    connection.check_constraints()
    return copy


def settings_models() -> list[type[models.Model]]:
    """Models of what a business set up, those that others point at first; none that leads to a client."""
    found = [model for app in SETTINGS_APPS for model in apps.get_app_config(app).get_models(include_auto_created=True)]
    kept = [model for model in found if not model._meta.proxy and not _is_of_client(model)]
    ordered: list[type[models.Model]] = []
    while kept:
        ready = [model for model in kept if not (_pointed_at(model) & set(kept)) - {model}]
        ordered += ready
        kept = [model for model in kept if model not in ready]
    return ordered


def _pointed_at(model: type[models.Model]) -> set[type[models.Model]]:
    return {field.related_model for field in model._meta.concrete_fields if field.related_model}


def _is_of_client(model: type[models.Model]) -> bool:
    others = _pointed_at(model) - {model}
    return model._meta.app_label == "contacts" or any(_is_of_client(each) for each in others)


def _copy_rows(model: type[models.Model], source: str, target: str) -> None:
    """All rows with their ids; the next number of the copy follows the highest."""
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in model._meta.concrete_fields if not field.generated)
    table, key = quote(model._meta.db_table), model._meta.pk
    with connection.cursor() as cursor:
        cursor.execute(  # names of our own models and of schemas that passed the slug's validator
            f"INSERT INTO {quote(target)}.{table} ({columns}) OVERRIDING SYSTEM VALUE"  # noqa: S608 - names of our own tables, quoted
            f" SELECT {columns} FROM {quote(source)}.{table}"
        )
        if isinstance(key, models.AutoField):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence(%s, %s), max({quote(key.column)}))"  # noqa: S608 - as above
                f" FROM {quote(target)}.{table} HAVING count(*) > 0",
                [f"{quote(target)}.{table}", key.column],
            )
