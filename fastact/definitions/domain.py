"""What the parameters of a function have to fulfil, as a text that can be printed and checked."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from functools import cached_property
from itertools import product
from math import inf
from typing import Any

_COMPARISONS = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}
_SCOPE = {"abs": abs, "inf": inf, "__builtins__": {}}
_COMPARISON = "|".join(_COMPARISONS)


class Condition:
    """Comparisons such as ``lambd >= 0``, ``1e-37 <= abs(cap) <= 1e37`` or ``b == 0 or b >= 1e-37``.

    What fulfils it is convex, at least where no parameter changes its sign. A NaN fulfils none.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The parameters that it is about."""
        words = re.findall(r"\b[A-Za-z_]\w*", self.text)
        return tuple(dict.fromkeys(word for word in words if word not in ("abs", "inf", "or")))

    @cached_property
    def _code(self) -> Any:
        return compile(self.text, self.text, "eval")

    @cached_property
    def _alternatives(self) -> list[list[tuple[Any, Any, Any]]]:
        """Each alternative as its comparisons: operator, and code for the left and the right side."""
        result = []
        for text in self.text.split(" or "):
            sides = [
                compile(side.strip(), self.text, "eval") for side in re.split(_COMPARISON, text)
            ]
            signs = [_COMPARISONS[sign] for sign in re.findall(_COMPARISON, text)]
            result.append(list(zip(signs, sides, sides[1:], strict=False)))
        return result

    def holds(self, values: Mapping[str, Any]) -> Any:
        """Tell whether it holds for numbers, or for each element of arrays."""
        if all(type(value) is float for value in values.values()):
            return eval(self._code, _SCOPE, values)
        found: Any = False
        for comparisons in self._alternatives:
            every: Any = True
            for compare, left, right in comparisons:
                every = every & compare(eval(left, _SCOPE, values), eval(right, _SCOPE, values))
            found = found | every
        return found

    def check(self, label: str, values: Mapping[str, Any]) -> None:
        """Raise a ValueError that names the domain unless it holds; arrays of other libraries are not looked into."""
        given = {name: values[name] for name in self.names}
        wrong: Mapping[str, float] | None
        if all(type(value) is float for value in given.values()):
            wrong = None if self.holds(given) else given
        else:
            wrong = self._first_wrong(given)
        if wrong is not None:
            shown = ", ".join(f"{name}={value!r}" for name, value in wrong.items())
            raise ValueError(f"{label}(): {shown} is outside the domain {self.text}")

    def _holds_between(self, limits: Mapping[str, tuple[float, float]]) -> bool:
        """Tell whether it surely holds between limits, which are found ten times as fast as elements are compared."""
        convex = "abs(" not in self.text and " or " not in self.text
        if not convex and any(low * high <= 0.0 for low, high in limits.values()):
            return False
        corners = product(*limits.values())
        return all(self.holds(dict(zip(limits, corner, strict=True))) for corner in corners)

    def _first_wrong(self, given: Mapping[str, Any]) -> dict[str, float] | None:
        """Return the first elements of arrays for which it does not hold, a block at a time."""
        import numpy as np

        if not all(isinstance(value, (float, np.ndarray)) for value in given.values()):
            return None
        with np.errstate(all="ignore"):
            if self._holds_between(
                {
                    name: (float(np.min(a)), float(np.max(a))) if np.size(a) else (1.0, 1.0)
                    for name, a in given.items()
                }
            ):
                return None
        try:
            blocks = np.nditer(
                [np.asarray(value) for value in given.values()],
                ["external_loop", "buffered", "zerosize_ok"],
                op_dtypes=[np.float64] * len(given),
                casting="same_kind",
                buffersize=4096,
            )
        except ValueError:  # the shapes do not broadcast, which the computation reports
            return None
        for block in blocks:
            arrays = block if isinstance(block, tuple) else (block,)
            right = self.holds(dict(zip(given, arrays, strict=True)))
            if not right.all():
                at = int(right.argmin())
                return {name: float(a[at]) for name, a in zip(given, arrays, strict=True)}
        return None
