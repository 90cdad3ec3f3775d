"""How Sphinx makes the documentation: make docs."""

from importlib.metadata import version as version_of

project = "pyramid_sio"
author = "The pyramid_sio maintainers"
release = version_of("pyramid-sio")

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"pyramid_sio {release}"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
