"""The page as a file: whole, safe, and in step with the server's code."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from webtest import TestApp

import demo
from demo.records import Limits

FOLDER = Path(demo.__file__).parent
SCRIPTS = sorted((FOLDER / "static").glob("*.js"))


class Page(HTMLParser):
    """Elements as (tag, attributes), and the text of each ``<code data-file=...>``."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.listings: list[tuple[str, str]] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag == "code":
            self._inside = True
            self.listings.append((attributes["data-file"], ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "code":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            file, text = self.listings[-1]
            self.listings[-1] = (file, text + data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(demo.PAGE.read_text())


@pytest.fixture(scope="module")
def app() -> TestApp:
    return TestApp(demo.main({}))


def test_the_page_forbids_everything_foreign(app: TestApp) -> None:
    response = app.get("/")
    assert response.content_type == "text/html"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]


def test_everything_the_page_refers_to_is_served(app: TestApp, page: Page) -> None:
    wanted = [a.get("src") or a.get("href") for a in page.all("script", "link", "img")]
    wanted += [f"static/{script.name}" for script in SCRIPTS]
    assert "socket.io/socket.io.min.js" in wanted
    for path in wanted:
        assert app.get(f"/{path}").content_length > 100


def test_nothing_is_inside_the_page_that_its_policy_forbids(page: Page) -> None:
    assert all("src" in script for script in page.all("script"))
    assert page.all("style") == []
    for tag, attributes in page.elements:
        assert not [n for n in attributes if n == "style" or n.startswith("on")], tag


def test_nothing_comes_from_the_network(page: Page) -> None:
    files = [demo.PAGE, *(FOLDER / "static").iterdir()]
    addresses = [a for file in files for a in re.findall(r"\w+://[^\s\"'`]+", file.read_text())]
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


def test_every_element_a_script_asks_for_exists(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    asked = {i for s in SCRIPTS for i in re.findall(r'byId\("([\w-]+)"\)', s.read_text())}
    assert len(asked) > 20
    assert asked <= set(page.ids)


def test_every_reference_inside_the_page_leads_somewhere(page: Page) -> None:
    names = ("for", "aria-labelledby", "aria-describedby", "aria-controls", "data-open")
    for _, attributes in page.elements:
        assert {attributes[name] for name in names if name in attributes} <= set(page.ids)
    for use in page.all("use"):
        assert use["href"].removeprefix("#") in page.ids


def test_every_field_and_button_has_a_name(page: Page) -> None:
    labelled = {label["for"] for label in page.all("label")}
    for field in page.all("input", "textarea"):
        assert field["id"] in labelled
    for button in page.all("button"):
        if "icon-button" in button.get("class", ""):
            assert button.get("aria-label")


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("enter-nick", "nick"),
        ("rename-nick", "nick"),
        ("new-room-name", "room"),
        ("topic-input", "topic"),
        ("text", "text"),
    ],
)
def test_fields_end_where_the_server_does(page: Page, field: str, limit: str) -> None:
    (found,) = (a for a in page.all("input", "textarea") if a["id"] == field)
    assert int(found["maxlength"]) == getattr(Limits(), limit)


def test_the_code_on_show_is_the_code_that_runs(page: Page) -> None:
    assert len(page.listings) == 2
    for file, text in page.listings:
        assert text in (FOLDER / file).read_text()


def test_making_the_application_starts_nothing_and_patches_nothing() -> None:
    program = """
import threading
import demo
demo.main({})
from gevent import monkey
assert not monkey.is_module_patched("socket")
assert threading.active_count() == 1, threading.enumerate()
"""
    subprocess.run([sys.executable, "-c", program], cwd=FOLDER.parent, check=True, timeout=60)


ONLY_WHAT_IS_NEEDED = """
import sys
from importlib.metadata import packages_distributions, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

needed = {"pyramid-sio"}
unread = ["pyramid-sio"]
while unread:
    for requirement in map(Requirement, requires(unread.pop()) or ()):
        name = canonicalize_name(requirement.name)
        marker = requirement.marker
        if name not in needed and (marker is None or marker.evaluate({"extra": ""})):
            needed.add(name)
            unread.append(name)

class Missing:
    "As where nothing else was installed."

    def find_spec(self, name, path=None, target=None):
        owners = foreign.get(name.partition(".")[0])
        if owners and needed.isdisjoint(map(canonicalize_name, owners)):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

foreign = packages_distributions()
sys.meta_path.insert(0, Missing())
"""


@pytest.mark.parametrize("ini", ["development.ini", "members.ini"])
def test_a_checkout_needs_nothing_that_is_optional(ini: str) -> None:
    program = f"""
{ONLY_WHAT_IS_NEEDED}
from pyramid.paster import get_app
get_app({ini!r})
assert "redis" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
