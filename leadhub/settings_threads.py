"""Settings of workers whose many threads mostly wait for others' answers: they share a few database connections.

A connection of its own for each thread would be cold nearly every time: it learns every business's tables anew.
"""

from leadhub.settings import *  # noqa: F403 - the same settings but for what follows
from leadhub.settings import DATABASES, env

CELERY_DB_REUSE_MAX = None  # after each task the connection goes back to the others
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 2,
    "max_size": env.int("DB_POOL_MAX", default=16),
    "timeout": 10,  # seconds
    "max_lifetime": 900,
}
