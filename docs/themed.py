"""Pictures that follow the theme of a page: SVG inside the HTML, whose colours are variables of static/fastact.css."""

from __future__ import annotations

import html
import io
import re
from typing import Any
from zlib import crc32

from matplotlib import rc_context

#: Colour in a figure -> variable of the style sheet. The greys are those of bench/chart.py and bench/overview.py.
VARIABLES = {
    "#0072b2": "--picture-blue",
    "#d55e00": "--picture-vermilion",
    "#009e73": "--picture-green",
    "#56b4e9": "--picture-sky",
    "#767676": "--picture-grey",
    "#808080": "--picture-grey",
    "#8a8a8a": "--picture-grey",
    "#999999": "--picture-grey",
    "#000000": "--color-foreground-primary",
    "#1f2328": "--color-foreground-primary",
    "#59636e": "--color-foreground-secondary",
    "#595959": "--color-foreground-secondary",
    "#666666": "--color-foreground-secondary",
    "#d8dee4": "--color-background-border",
    "#c8c8c8": "--color-foreground-border",
    "#cccccc": "--color-background-border",
    "#d9d9d9": "--color-background-border",
    "#e4e4e4": "--color-background-border",
    "#e6e6e6": "--color-background-border",
    "#ebebeb": "--color-background-border",
    "#ffffff": "--color-background-primary",
}
#: For images inside of pictures; SVG's own unit is 1/72 inch.
DPI = 100
# In 1/72 inch: drawn as wide as the text, letters of wider pictures were half as large as its own.
WIDE = 700


def inline(figure: Any, title: str, css: str = "picture") -> str:
    """Return a figure as SVG for an HTML page; `title` is what a screen reader says."""
    file = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        figure.savefig(file, format="svg", dpi=DPI, transparent=True, metadata={"Date": None})
    return themed(file.getvalue(), title, css)


def themed(svg: str, title: str, css: str = "picture") -> str:
    """Return a picture that Matplotlib has written as SVG, with text as text, for an HTML page.

    What it leaves black, its default, has the colour of the page's text.
    """
    text = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    text = text[text.index("<svg") :]
    # Names inside one HTML page have to differ from figure to figure.
    mark = f"p{crc32(title.encode()):08x}"
    text = re.sub(r'(id="|href="#|url\(#)', rf"\1{mark}-", text)
    text = re.sub(r"(font-family: |font: [^;\"]*?px )[^;\"]+", r"\1inherit", text)
    size = re.compile(r'width="([\d.]+)pt" height="[\d.]+pt"|height="[\d.]+pt"|width="([\d.]+)pt"')
    head, rest = text.split(">", 1)
    width = float(head.partition('viewBox="0 0 ')[2].split()[0])
    classes = f"{css} wide" if css == "picture" and width > WIDE else css
    head = size.sub("", head) + f' role="img" aria-label="{html.escape(title)}" class="{classes}"'
    for colour, variable in VARIABLES.items():
        rest = rest.replace(colour, f"var({variable})")
    picture = re.sub(r"\n\s*", "\n", f"{head}>{rest}").strip()
    return f'<div class="scrolls">{picture}</div>' if css == "picture" else picture
