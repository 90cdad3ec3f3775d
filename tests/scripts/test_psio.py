"""The command, called as the console script calls it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pyramid_sio.scripts.psio import COMMANDS, Command, main

INI = """\
[app:main]
use = call:{app}

[loggers]
keys = root
[handlers]
keys =
[formatters]
keys =
[logger_root]
handlers =
"""


def bare(global_config: object, **settings: object) -> object:
    """An application without this package."""
    from pyramid.config import Configurator

    return Configurator(settings=settings).make_wsgi_app()


def empty(global_config: object, **settings: object) -> object:
    """One that includes it, and declares nothing."""
    from pyramid.config import Configurator

    config = Configurator(settings=settings)
    config.include("pyramid_sio")
    return config.make_wsgi_app()


def wrong(global_config: object, **settings: object) -> object:
    """One that declares what nobody can send."""
    from pyramid.config import Configurator

    from pyramid_sio import Namespace

    class Wrong(Namespace):
        class ServerToClient:
            def event(self, value: complex) -> None: ...

    config = Configurator(settings=settings)
    config.include("pyramid_sio")
    config.add_sio_namespace("/", Wrong)
    return config.make_wsgi_app()


def without_source(global_config: object, **settings: object) -> object:
    """One whose namespace is in no file."""
    from pyramid.config import Configurator

    from pyramid_sio import Namespace

    config = Configurator(settings=settings)
    config.include("pyramid_sio")
    config.add_sio_namespace("/", type("Made", (Namespace,), {"__module__": "nowhere"}))
    return config.make_wsgi_app()


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    """The ini file of the sample application."""
    return write_ini(tmp_path, "tests.documents.sample:main")


def write_ini(folder: Path, app: str) -> Path:
    path = folder / "app.ini"
    path.write_text(INI.format(app=app), encoding="utf-8")
    return path


def test_asyncapi(ini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["psio", "asyncapi", str(ini), "--title", "Chess", "--api-version", "3"]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["info"] == {"title": "Chess", "version": "3"}
    assert [channel["address"] for channel in document["channels"].values()] == [
        "/",
        "/doc/{id}",
        None,
        "/game",
    ]


def test_asyncapi_knows_the_application(ini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["psio", "asyncapi", str(ini)]) == 0
    assert json.loads(capsys.readouterr().out)["info"] == {
        "title": "tests.documents",
        "version": "0.0.0",
    }


def test_typescript_into_a_file(
    ini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "events.ts"
    assert main(["psio", "typescript", str(ini), "--output", str(output)]) == 0

    assert capsys.readouterr().out == ""
    text = output.read_text(encoding="utf-8")
    assert re.findall(r"export namespace (\w+)", text) == ["Main", "Document", "File", "Game"]
    assert text.endswith("}\n")


def test_routes(ini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["psio", "routes", str(ini)]) == 0

    head, line, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["Namespace", "Event", "Permission", "Handler"]
    assert set(line) == {"-", " "}
    (game,) = (row for row in rows if row.startswith("/game"))
    assert re.fullmatch(r"/game +play +Game \(tests\.documents\.sample:\d+\)", game)
    (draw, _) = (row for row in rows if "draw offer" in row)
    assert re.search(r"draw offer +draw +Game\.draw_offer \(tests\.documents\.sample:\d+\)", draw)
    assert any(re.search(r" \* +Main\.anything", row) for row in rows)


@pytest.mark.parametrize(
    "command",
    # The prompt is good for an application without namespaces too.
    [name for name, item in COMMANDS.items() if isinstance(item, Command) and name != "shell"],
)
@pytest.mark.parametrize(
    ("app", "reason"),
    [("bare", "does not include pyramid_sio"), ("empty", "declares no namespace")],
)
def test_nothing_to_tell(
    command: str, app: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_ini(tmp_path, f"{__name__}:{app}")
    assert main(["psio", command, str(path)]) == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert reason in printed.err


@pytest.mark.parametrize("command", ["asyncapi", "typescript"])
def test_wrong_declaration(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["psio", command, str(write_ini(tmp_path, f"{__name__}:wrong"))]) == 1
    assert "argument 'value' cannot be checked" in capsys.readouterr().err


def test_routes_without_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["psio", "routes", str(write_ini(tmp_path, f"{__name__}:without_source"))]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["/", "Made"]


def test_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["psio", "routes", "nowhere.ini#main"])
    assert caught.value.code == 2
    assert "there is no file nowhere.ini" in capsys.readouterr().err


def test_quiet(ini: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["psio", "routes", str(ini)], quiet=True) == 0
    assert capsys.readouterr().out == ""


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["psio", "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(command in text for command in COMMANDS)
