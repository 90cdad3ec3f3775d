"""What the tests of the demo share."""

from __future__ import annotations

import pkg_resources

import demo

# pytest imports the packages of a distribution that has a plugin for it with a loader of its own,
# which Pyramid's way to static files does not know.
pkg_resources.register_loader_type(type(demo.__loader__), pkg_resources.DefaultProvider)
