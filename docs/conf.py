"""How Sphinx makes the documentation: make docs."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "pyramid_sio"
author = "The pyramid_sio maintainers"
release = version_of("pyramid-sio")

extensions = ["settings_table", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "_ext"]
highlight_language = "none"
html_theme = "furo"
html_title = f"pyramid_sio {release}"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
