"""What begins and ends with the process's serving."""

from __future__ import annotations

import gc

import pytest

from pyramid_sio.engine import services


class Recorder:
    def __init__(self) -> None:
        self.said: list[object] = []

    def start(self) -> None:
        self.said.append("start")

    def close(self, patience: float) -> None:
        self.said.append(patience)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what other tests' applications have registered."""
    monkeypatch.setattr(services, "_services", type(services._services)())


def test_services_begin_and_end_with_serving() -> None:
    service = Recorder()
    services.register(service)
    assert service.said == []

    services.start_services()
    services.close_services(2.5)

    assert service.said == ["start", 2.5]


def test_services_of_an_application_that_is_no_more_are_forgotten() -> None:
    said = (service := Recorder()).said
    services.register(service)
    del service
    gc.collect()

    services.start_services()

    assert said == []
