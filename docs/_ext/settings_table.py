"""``.. sio-settings::``, the table of settings as the package itself has it."""

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from pyramid_sio.plugin.settings import PREFIX, SETTINGS


class SettingsTable(SphinxDirective):
    """One definition for each setting: its name and default, and why it is so."""

    def run(self) -> list[nodes.Node]:
        lines: list[str] = []
        for setting in SETTINGS:
            default = f"``{setting.default}``" if setting.default else "(empty)"
            # Written for people who read an ini file: a star is a star.
            why = setting.why.replace("*", r"\*")
            lines += [f"``{PREFIX}{setting.name}``, by default {default}", f"   {why}", ""]
        container = nodes.container()
        self.state.nested_parse(StringList(lines, source=__file__), self.content_offset, container)
        return list(container.children)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("sio-settings", SettingsTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
