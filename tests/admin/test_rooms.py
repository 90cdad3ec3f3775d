from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyramid_sio.admin.rooms import WatchedData


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda data: data.update(b=2), {"a": 1, "b": 2}),
        (lambda data: data.__setitem__("a", 2), {"a": 2}),
        (lambda data: data.__delitem__("a"), {}),
        (lambda data: data.__ior__({"b": 2}), {"a": 1, "b": 2}),
        (lambda data: data.setdefault("b", 2), {"a": 1, "b": 2}),
        (lambda data: data.pop("a"), {}),
        (lambda data: data.popitem(), {}),
        (lambda data: data.clear(), {}),
    ],
)
def test_each_way_to_change_data_is_noticed(change: Callable[[Any], Any], left: Any) -> None:
    seen: list[dict[str, Any]] = []
    data = WatchedData(lambda: seen.append(dict(data)))
    dict.update(data, a=1)

    change(data)

    assert seen == [left]


def test_looking_is_no_change() -> None:
    seen: list[str] = []
    data = WatchedData(lambda: seen.append("changed"))
    assert data.get("a") is None
    with pytest.raises(KeyError):
        data.pop("a")
    with pytest.raises(KeyError):
        del data["a"]
    assert seen == []
