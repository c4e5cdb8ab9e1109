"""The table of functions in users' own loops."""

from __future__ import annotations

from typing import Any

from readme import table

TITLES = {"numba": "Numba", "numexpr": "numexpr", "jax": "JAX", "torch": "PyTorch"}
COLUMNS = {
    "kernel": "fastact's kernels",
    "activation": "own activation",
    "hand": "np.exp in @njit",
    "numexpr": "numexpr",
    "jax": "JAX's jit",
    "torch": "PyTorch",
}


def summary(document: dict[str, Any]) -> str:
    """Return the conditions and the table."""
    about, results = document["machine"], document["results"]
    versions = ", ".join(f"{TITLES[name]} {v}" for name, v in document["versions"].items())
    said = (
        f"Best of {document['rounds']} rounds taken in turns by `{document['command']}`, one thread of an "
        f"{about['processor']}, {document['size']:,} float32; {versions}; Python {about['python']}. The first column "
        "is the time of fastact's functions in a loop that Numba compiles, in ns per element; the others are the times "
        "of the same without it, divided by the first: fastact called for whole arrays; the expression as an own "
        "activation; the formula written with np.exp, np.tanh, np.log1p and math.erf in the same loop; other libraries."
    )
    rows = [
        (title, f"{times['njit']:.2f}", *(_ratio(times, name) for name in COLUMNS))
        for title, times in results.items()
    ]
    return f"{said}\n\n{table(('', 'fastact in @njit, ns', *COLUMNS.values()), rows)}"


def _ratio(times: dict[str, float], name: str) -> str:
    if name not in times:
        return "–"
    ratio = times[name] / times["njit"]
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}"
