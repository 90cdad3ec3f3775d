"""What a setting is.

Upstream: the tables in ``plugin.settings`` and ``plugin.access``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """One setting.

    :param convert: from the text of an ini file, or from a Python value; raises ValueError
    :param default: as an ini file would say it
    :param why: what it does, and the reason for its default
    """

    name: str
    convert: Callable[[Any], Any]
    default: str
    why: str
