"""Secrets at rest: a text field that is encrypted in the database and never shown again."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class SecretUnreadable(Exception):
    """A kept secret cannot be decrypted: FIELD_ENCRYPTION_KEY is not the one it was written with."""


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The text of `encrypt()`. Raises SecretUnreadable."""
    try:
        return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable("FIELD_ENCRYPTION_KEY does not fit the stored secret") from error


class EncryptedTextField(models.TextField):
    """Text, encrypted on its way into the database. Cannot be searched by value."""

    def get_prep_value(self, value: Any) -> str | None:
        value = super().get_prep_value(value)
        return value if value in (None, "") else encrypt(value)

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return value if value in (None, "") else decrypt(value)


class EncryptedJSONField(models.TextField):
    """A small dict, encrypted as one text."""

    def get_prep_value(self, value: Any) -> str | None:
        return value if value is None else encrypt(json.dumps(value, ensure_ascii=False, sort_keys=True))

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> dict | None:
        return value if value is None else (json.loads(decrypt(value)) if value else {})

    def to_python(self, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) and value else value or {}
