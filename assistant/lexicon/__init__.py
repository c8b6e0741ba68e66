"""Word lists and rules of the local engine, as data: one YAML file a question, read once a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent


@cache
def load(name: str) -> Any:
    """The content of `<name>.yaml` beside this file; raises FileNotFoundError for an unknown name."""
    with (HERE / f"{name}.yaml").open(encoding="utf-8") as source:
        return yaml.load(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
