"Sphinx's configuration; tools/docs.py copies it beside the pages it makes from nbs/."

from importlib import metadata

project = "spotr-nb"
try:
    release = metadata.version("spotr-nb")
except metadata.PackageNotFoundError:
    release = ""
html_title = f"spotr-nb {release}".strip()
author = "spotr-nb contributors"
copyright = "spotr-nb contributors, Apache-2.0"

extensions = ["myst_nb", "sphinx_design", "sphinx_copybutton", "sphinx-mathjax-offline"]
nb_render_markdown_format = "myst"  # tables in outputs are tables
nb_execution_mode = "off"  # outputs are the stored ones; `make test` runs the notebooks
nb_merge_streams = True
nb_code_prompt_show = "Code"
nb_code_prompt_hide = "Code"
nb_mime_priority_overrides = [("html", "text/latex", 100)]  # rich text and pictures before LaTeX
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # a documented name is a level-3 section wherever it stands

html_theme = "furo"
html_static_path = ["_static"]
templates_path = ["_templates"]  # a search with excerpts, which works for files opened from disk
html_css_files = ["spotr.css"]
html_js_files = ["spotr.js"]
html_copy_source = False
html_use_index = False  # tools/docs.py writes the index of names
html_show_sourcelink = False
exclude_patterns = ["_build", "_templates"]
