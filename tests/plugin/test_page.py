"""What a page needs to connect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.response import Response

from pyramid_sio.plugin.client_files import client_version
from pyramid_sio.plugin.page import Html
from tests.plugin.conftest import NewSite


def view(request: Any) -> Response:
    endpoint = request.params.get("endpoint", "")
    tags = (request.sio_script_tag(endpoint=endpoint), request.sio_options_tag(endpoint=endpoint))
    assert all(tag.__html__() is tag for tag in tags)
    return Response("\n".join(tags))


def configure(config: Configurator) -> None:
    config.add_route("page", "/page")
    config.add_view(view, route_name="page")
    config.add_sio_endpoint("games", "/games.io/")
    config.add_sio_endpoint("bare", "/bare/", serve_client=False)


@pytest.mark.parametrize("mount", ["", "/shop"])
@pytest.mark.parametrize(("endpoint", "path"), [("", "/socket.io/"), ("games", "/games.io/")])
def test_elements(new_site: NewSite, mount: str, endpoint: str, path: str) -> None:
    site = new_site(configure)
    answer = site.web.get(f"/page?endpoint={endpoint}", extra_environ={"SCRIPT_NAME": mount})
    script, options = answer.text.split("\n")
    source = f"{mount}{path}socket.io.min.js"
    assert script == f'<script src="{source}?v={client_version()}"></script>'
    assert site.web.get(source.removeprefix(mount)).content_type == "application/javascript"
    text = options.removeprefix('<script type="application/json" id="sio-options">')
    assert json.loads(text.removesuffix("</script>")) == {"path": f"{mount}{path}"}


def test_nothing_in_them_ends_the_element(new_site: NewSite) -> None:
    site = new_site(configure)
    text = site.web.get("/page", extra_environ={"SCRIPT_NAME": "/<b>&"}).text
    assert "<b>" not in text


def test_is_text(new_site: NewSite) -> None:
    assert Html("a") == "a"


@pytest.mark.parametrize("endpoint", ["bare", "unknown"])
def test_what_is_not_served(new_site: NewSite, endpoint: str) -> None:
    with pytest.raises(LookupError):
        new_site(configure).web.get(f"/page?endpoint={endpoint}")
