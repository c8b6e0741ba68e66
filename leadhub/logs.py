"""Log lines without people in them: a last net below the rule that only ids are logged."""

from __future__ import annotations

import logging
import re

_PHONE = re.compile(r"(?<![\w.:-])(?:\+7|8|7)[\s(-]*\d{3}[\s)-]*\d{3}[\s-]?\d{2}[\s-]?\d{2}(?![\w-])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_BOT_TOKEN = re.compile(r"\bbot\d+:[\w-]{20,}")
_WEBHOOK_CODE = re.compile(r"(/rest/\d+/)[^/\s]+")
_QUERY_SECRET = re.compile(r"((?:token|ticket|secret|auth|key|psw|code)=)[^&\s\"']+", re.I)
# Of a database error: the whole row that was refused stands there, up to the next exception of a traceback.
_REFUSED_ROW = re.compile(r"\n(DETAIL|CONTEXT):.*?(?=\n\n(?:The above exception was|During handling of)|\Z)", re.S)


def scrub(text: str) -> str:
    """The text without phones, e-mails, bot tokens, Bitrix24 webhook codes, secrets of query strings, and the rows that
    PostgreSQL quotes in its errors."""
    text = _REFUSED_ROW.sub(r"\n\1: [row]", text)
    text = _PHONE.sub("[phone]", text)
    text = _BOT_TOKEN.sub("bot[token]", text)
    text = _WEBHOOK_CODE.sub(r"\1[code]", text)
    text = _QUERY_SECRET.sub(r"\1[secret]", text)
    return _EMAIL.sub("[e-mail]", text)


class WithoutPersonalData(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = scrub(record.getMessage())
        record.args = ()
        if record.exc_info:
            record.exc_text = scrub(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True
