"""Sphinx configuration of the guide.

SPDX-License-Identifier: BSD-3-Clause

    pip install --group docs . && sphinx-build -W -b html python/docs build/docs
"""

import krogh

project = "krogh"
author = "krogh developers"
project_copyright = "2026, the krogh developers"
version = release = krogh.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
exclude_patterns = ["_build"]
# Attributes named in docstrings are linked by their last part; where two classes have one of that
# name, which of them is linked does not matter.
suppress_warnings = ["ref.python"]
html_theme = "pydata_sphinx_theme"
html_title = "krogh"
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}
