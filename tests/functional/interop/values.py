"""Values of every kind that both languages have, how tests hand them to servers, and what clients
get of them.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

#: JavaScript counts no further.
LARGEST = 2**53 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.floats(-LARGEST, LARGEST)
    | st.sampled_from([math.nan, math.inf, -math.inf])
    | texts
    | st.binary(max_size=300)
    | st.integers(-(10**12), 10**13).map(lambda ms: _EPOCH + ms * _MILLISECOND)
)
#: JavaScript's decoders take a key of this name for something else.
keys = texts.filter(lambda key: key != "__proto__")
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def spelled(value: Any) -> Any:
    """A value as JSON can carry it to any server; ``revived`` there undoes it."""
    match value:
        case float() if not math.isfinite(value):
            return ["number", {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]]
        case bytes():
            return ["binary", value.hex()]
        case datetime():
            return ["date", (value - _EPOCH) // _MILLISECOND]
        case list():
            return ["list", [spelled(item) for item in value]]
        case dict():
            return ["map", [[key, spelled(item)] for key, item in value.items()]]
    return ["value", value]


def received(value: Any) -> Any:
    """What a client in JavaScript gets, as ``shown`` shows it."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case bytes():
            return {"hex": value.hex()}
        case datetime():
            return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
        case list():
            return [received(item) for item in value]
        case dict():
            return {key: received(item) for key, item in value.items()}
    return value
