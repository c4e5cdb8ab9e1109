"""Sphinx configuration: `sphinx-build -W docs docs/_build` draws the pictures, writes the pages and builds them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]

import pages  # noqa: E402  (from this folder)

import fastact  # noqa: E402

project = "fastact"
release = fastact.__version__
html_theme = "furo"
html_title = f"fastact {release}"
html_static_path = ["static"]
html_css_files = ["fastact.css"]
html_copy_source = False
html_show_copyright = False
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"


def _mathml(self: Any, node: nodes.Element) -> None:
    """Write a formula as MathML, which browsers render without scripts or network."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    formula = convert(node.astext(), display=display)
    self.body.append(f'<div class="formula">{formula}</div>' if display == "block" else formula)
    raise nodes.SkipNode


def _link_within(app: Sphinx, name: str, text: list[str]) -> None:
    """Redirect links to bench/results, as in the repository, to the copies of the results."""
    text[0] = text[0].replace("](../bench/results/", "](measured/")


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (_mathml, None), (_mathml, None))
    app.connect("builder-inited", lambda app: pages.write(HERE))
    app.connect("source-read", _link_within)


html_math_renderer = "mathml"
