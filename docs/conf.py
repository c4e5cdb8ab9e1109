"""Sphinx configuration: `sphinx-build -W docs docs/_build` draws the pictures, writes the pages and builds them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]

import pages  # noqa: E402  (from this folder)
import parts  # noqa: E402

import fastact  # noqa: E402

project = "fastact"
release = fastact.__version__
html_theme = "furo"
html_title = f"fastact {release}"
html_static_path = ["static"]
html_css_files = ["fastact.css"]
html_copy_source = False
html_show_copyright = False
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.intersphinx"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "generated"]
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"


def _inventories() -> dict[str, tuple[str, str]]:
    """Return the libraries whose index can be fetched now: names of others stay plain text."""
    found = {}
    folder = HERE / "generated"
    folder.mkdir(exist_ok=True)
    for name, url in {
        "python": "https://docs.python.org/3/",
        "numpy": "https://numpy.org/doc/stable/",
    }.items():
        path = folder / f"{name}.inv"
        try:
            with urlopen(f"{url}objects.inv", timeout=5) as answer:
                data = answer.read()
        except OSError:
            continue
        if data.startswith(b"# Sphinx inventory"):
            path.write_bytes(data)
            found[name] = (url, str(path))
    return found


intersphinx_mapping = _inventories()


def _mathml(self: Any, node: nodes.Element) -> None:
    """Write a formula as MathML, which browsers render without scripts or network."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    formula = convert(node.astext(), display=display)
    self.body.append(f'<div class="formula">{formula}</div>' if display == "block" else formula)
    raise nodes.SkipNode


def _write(app: Sphinx) -> None:
    pages.write(HERE)
    parts.write(HERE)


def setup(app: Sphinx) -> None:
    app.add_html_math_renderer("mathml", (_mathml, None), (_mathml, None))
    app.connect("builder-inited", _write)


html_math_renderer = "mathml"
