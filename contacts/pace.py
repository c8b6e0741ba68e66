"""How fast somebody writes: counted in the state of the conversation, which every message stores anyway. Pure.

Windows are fixed: they begin with the first message after the last one was over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

# Seconds of a window -> messages in it that are still a person's. A client who tells a long story in short lines stays
# well below.
MOST = {60: 20, 3600: 120}


def counted(state: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    """The state with one more message of the client in it."""
    moment, before = int(now.timestamp()), state.get("pace") or {}
    windows = {}
    for seconds in MOST:
        begun, count = before.get(str(seconds)) or (moment, 0)
        windows[str(seconds)] = [moment, 1] if not 0 <= moment - begun < seconds else [begun, count + 1]
    return {**state, "pace": windows}


def is_flood(state: Mapping[str, Any], *, now: datetime) -> bool:
    """More messages than a person writes, in the windows that are not over yet."""
    moment, windows = int(now.timestamp()), state.get("pace") or {}
    return any(
        count > MOST[int(seconds)] and 0 <= moment - begun < int(seconds)
        for seconds, (begun, count) in windows.items()
        if int(seconds) in MOST
    )
