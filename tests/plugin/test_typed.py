"""Annotations are part of the configuration: what is wrong with them stops the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

from pyramid_sio import Namespace

if TYPE_CHECKING:
    from nowhere import Missing


class Unresolvable(Namespace):
    def on_event(self, value: Missing) -> None: ...


class Unfit(Namespace):
    def on_event(self, value: str, *more: Configurator) -> None: ...


class UnfitAuth(Namespace):
    def on_connect(self, auth: Configurator) -> None: ...


@pytest.mark.parametrize(
    ("cls", "said"),
    [
        (Unresolvable, r"Unresolvable\.on_event: .*'Missing' is not defined"),
        (Unfit, r"Unfit\.on_event: argument 'more' .*Configurator"),
        (UnfitAuth, r"UnfitAuth\.on_connect: argument 'auth' .*Configurator"),
    ],
)
def test_annotation_is_wrong(cls: type[Namespace], said: str) -> None:
    config = Configurator()
    config.include("pyramid_sio")
    with pytest.raises(ConfigurationError, match=said):
        config.add_sio_namespace("/", cls)


class Allowed(Namespace):
    def on_connect(self, auth: Any) -> None: ...

    def on_disconnect(self, reason: Missing) -> None: ...

    def on_error(self, event: Missing, exc: Missing) -> None: ...

    def on_event(self: Missing, *, keyword: Missing = None) -> Missing: ...


def test_only_what_clients_fill_has_to_be_known() -> None:
    config = Configurator()
    config.include("pyramid_sio")
    config.add_sio_namespace("/", Allowed)
    config.commit()
