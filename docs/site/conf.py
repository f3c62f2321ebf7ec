"""How Sphinx makes the site: `build.py` calls it, on the pages that `pages.py` has gathered.

Sphinx and not MkDocs Material, after a try of both: numpydoc reads as the field knows it, C has a domain of its own,
search and all else work from a folder without a network (Material's search off line loads a script from elsewhere), and
Material is no longer developed: its maintainers end it in May 2027.
"""

import importlib.metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent

project = "undin"
release = importlib.metadata.version("undin")
extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc"]

# Frameworks of voice agents pin versions of much that undin's environment has newer, and clusters bring more still.
autodoc_mock_imports = ["livekit", "pipecat"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc says types, with shapes and units
numpydoc_show_class_members = False
default_role = "py:obj"  # `name` in docstrings: a link where the name has a page, else code
add_module_names = False

myst_enable_extensions = ["attrs_inline"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True

highlight_language = "none"
pygments_style, pygments_dark_style = "tango", "native"
smartquotes = False  # text as it is written
# Lexers stumble over `...` and over `await` at the top, which pages show; notebooks hold what no parser must know.
suppress_warnings = ["misc.highlighting_failure", "mystnb.unknown_mime_type"]

html_theme = "furo"
html_title = "undin"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_favicon = str(HERE.parents[1] / "apps" / "page" / "src" / "icon.svg")
# The colour of apps/page, for both themes.
TEAL, LIGHT_TEAL = "#0f766e", "#4fc9bb"
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": dict.fromkeys(("color-brand-primary", "color-brand-content"), TEAL),
    "dark_css_variables": dict.fromkeys(("color-brand-primary", "color-brand-content"), LIGHT_TEAL),
}


def is_told_elsewhere(app, what, name, member, skip, options) -> bool | None:
    """Leave out attributes, which the text of their class has, and constants of modules."""
    return None if callable(member) else True


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("autodoc-skip-member", is_told_elsewhere)
