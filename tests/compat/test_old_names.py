from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import module_from_spec
from types import ModuleType

import pytest

from pyramid_sio import compat
from pyramid_sio.compat import install_as_socketio
from pyramid_sio.compat.old_names import MODULES, OldModules
from tests.support import PATIENCE, ROOT

# Not in this process: python-socketio is there.
TWICE = """\
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "socketio" else find(name)
from pyramid_sio.compat import install_as_socketio
before = len(sys.meta_path)
install_as_socketio()
install_as_socketio()
print(len(sys.meta_path) - before, "pyramid" in sys.modules, "gevent" in sys.modules)
"""


def old_module(name: str) -> ModuleType:
    finder = OldModules()
    spec = finder.find_spec(name, None)
    assert spec is not None
    module = module_from_spec(spec)
    finder.exec_module(module)
    return module


@pytest.mark.parametrize("name", MODULES)
def test_names_are_those_of_today(name: str) -> None:
    module = old_module(name)
    assert not set(MODULES[name][1]) & set(vars(module)), "they are asked for late"
    today = __import__(MODULES[name][0], fromlist=["x"])
    for attribute in module.__all__:
        assert getattr(module, attribute) is getattr(today, attribute)
        assert vars(module)[attribute] is getattr(today, attribute)
    assert bool(module.__spec__ and module.__spec__.parent == name) == (name == "socketio")


def test_what_is_gone_is_told_where_to_look_for_it() -> None:
    with pytest.raises(AttributeError, match="has no 'XHRPollingTransport' any more; see pyramid"):
        old_module("socketio.virtsocket").XHRPollingTransport  # noqa: B018


def test_other_modules_are_left_alone() -> None:
    assert OldModules().find_spec("socketio.transports", None) is None
    assert OldModules().find_spec("json", None) is None


def test_refuses_where_somebody_has_the_name() -> None:
    before = list(sys.meta_path)
    with pytest.raises(ImportError, match=r"socketio.__init__\.py has the name socketio") as caught:
        install_as_socketio()
    assert caught.value.name == "socketio"
    assert sys.meta_path == before


def test_is_installed_once_and_imports_nothing() -> None:
    """The standard library is still to be patched then."""
    # Measuring it would import gevent.
    env = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", TWICE],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        env=env,
        check=True,
    )
    assert done.stdout == "1 False False\n"
    assert compat.__all__ == ["install_as_socketio"]
