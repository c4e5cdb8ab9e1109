"""Row functions: softmax and its family, along any axes."""

from __future__ import annotations

from typing import Any, Never, TypeAlias

import numpy as np

from ..backends.protocol import Kernel
from ..calling import arguments
from ..calling.dtypes import DType, computing
from ..calling.fast import KernelTable
from ..definitions.declaration import Declaration
from ..definitions.rows import ROWS
from .attention import CLASSES
from .base import named
from .cumulative import logcumsumexp
from .entmax import entmax
from .row_passes import Axis, ReductionVjp, RowFunction, RowPass, RowReduction, RowVjp, Rowwise
from .row_steps import hardmax as _hardmax
from .row_steps import with_noise

__all__ = ["ROW_FUNCTIONS", "RowFunction", "RowPass"]

# A string, because evaluating it would import numpy.random: 25 ms.
Rng: TypeAlias = "np.random.Generator | int | None"


class TauVjp(RowPass):
    """`RowVjp` for a function whose temperature is called tau."""

    arrays = ("g", "y")
    heat = "tau"

    def __call__(
        self,
        g: Any,
        y: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        tau: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        return self._general((g, y), axis, tau, where, out, dtype)


class GumbelSoftmax(RowFunction):
    """gumbel_softmax: add noise, then softmax or hardmax."""

    heat = "tau"
    in_order = True  # hardmax and softmax must get the same noise

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = -1,
        *more: Never,
        tau: float = 1.0,
        hard: bool = False,
        rng: Rng = None,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
        **unknown: Never,
    ) -> Any:
        """Compute."""
        if unknown or more:
            self._refuse(unknown, len(more))
        label = self.__qualname__
        if rng is not None:
            arguments.generator(label, rng)  # which raises
        hard = arguments.flag(label, "hard", hard)
        return self._general((x,), axis, tau, where, out, dtype, hard=hard, rng=rng)

    def _kernel(self, dtype: DType, **extra: Any) -> tuple[Kernel, DType]:
        chosen = _hardmax if extra["hard"] else self.kernels.kernel(dtype)
        # The sum of x and the noise is not rounded to 16 bits.
        return with_noise(chosen, np.random.default_rng(extra["rng"])), computing(dtype)


def _declared(declaration: Declaration) -> RowFunction:
    name, forward = declaration.name, declaration.passes["forward"]
    whole: tuple[type[RowFunction], type[RowPass]] = RowReduction, ReductionVjp
    kind, vjp_kind = CLASSES.get(name, (Rowwise, RowVjp)) if forward.outputs else whole
    return named(kind, name)(
        name,
        declaration.doc,
        declaration.source,
        KernelTable.of_rows(name, "forward"),
        declaration.aliases,
        f"{forward.excluded:g}",
        _vjp(vjp_kind, name, name) if "vjp" in declaration.passes else None,
    )


def _vjp(kind: type[RowPass], name: str, declared: str) -> RowPass:
    summary = f"The vector-Jacobian product of {name}."
    return named(kind, f"{name}.vjp")(name, "vjp", summary, KernelTable.of_rows(declared, "vjp"))


#: Canonical name -> function: the declared ones in their order, then those composed of them.
ROW_FUNCTIONS: dict[str, RowFunction] = {
    name: _declared(declaration) for name, declaration in ROWS.items() if name[0] != "_"
}
ROW_FUNCTIONS["entmax"] = entmax
ROW_FUNCTIONS["hardmax"] = named(Rowwise, "hardmax")(
    "hardmax",
    """1 at the first maximum of each row and 0 elsewhere, computed by NumPy whatever the backend.

    It accepts a temperature like every row function; the result does not depend on it.""",
    "definition",
    KernelTable(lambda backend, dtype: _hardmax),
)
ROW_FUNCTIONS["hardmax"].in_order = True  # of several maxima the first gets the 1
ROW_FUNCTIONS["logcumsumexp"] = logcumsumexp
ROW_FUNCTIONS["gumbel_softmax"] = named(GumbelSoftmax, "gumbel_softmax")(
    "gumbel_softmax",
    """softmax((x + noise)/tau) along the rows, with Gumbel noise: a differentiable relaxation of sampling.

    ``gumbel_softmax.vjp(g, y, tau=tau)`` takes the y of a call with ``hard=False``. For the
    straight-through gradient of a hard sample, compute that y with the same integer `rng`.""",
    "Jang, Gu, Poole 2017, arXiv:1611.01144; Maddison, Mnih, Teh 2017, arXiv:1611.00712",
    KernelTable.of_rows("softmax", "forward"),
    vjp=_vjp(TauVjp, "gumbel_softmax", "softmax"),
)
