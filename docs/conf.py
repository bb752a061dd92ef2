"""How Sphinx builds the site: see build.sh."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "napari-ecc-align"
author = "The napari-ecc-align developers"
copyright = author  # noqa: A001
version = release = version_of("napari-ecc-align")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx-mathjax-offline",
    "numpydoc",
    "sphinx_design",
]
templates_path = ["_templates"]
exclude_patterns = ["images", "*.py", "*.sh"]

# The pages are plain Markdown, which napari's help window shows, too.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "pydata_sphinx_theme"
html_title = "napari-ecc-align"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"changelog": [], "citing": []}
