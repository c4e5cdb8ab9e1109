"""Functions of whole rows: softmax and its family, along any axes, each as a callable object."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ..backends.environment import silent
from ..backends.registry import Kernel, active
from ..calling import arguments, docs, row_arguments, row_docs, row_fast, row_protocols
from ..calling.fast import RowKernelTable
from ..calling.row_arguments import COLDEST, HOTTEST
from ..calling.row_layout import RowOperands, compute
from ..definitions.declare import RowDeclaration
from ..definitions.rows import ROWS
from .row_steps import hardmax as _hardmax
from .row_steps import with_noise

__all__ = [
    "ROW_FUNCTIONS",
    "GumbelSoftmax",
    "Hardmax",
    "RowCall",
    "RowFunction",
    "RowReduction",
    "Rowwise",
]

Array = np.ndarray[Any, np.dtype[Any]]
DType = np.dtype[Any]
Axis: TypeAlias = int | tuple[int, ...] | None
# A string, because evaluating it would import numpy.random: 25 ms.
Rng: TypeAlias = "np.random.Generator | int | None"

_SINGLE = np.dtype(np.float32)


class RowCall:
    """One pass of one row function: what its calls have in common."""

    __signature__ = docs.OnInstance(row_docs.signature)

    #: The names of its arrays.
    arrays: tuple[str, ...] = ("x",)
    #: Whether the last of `arrays` becomes one number for each row.
    reduces: ClassVar[bool] = False
    #: Whether the order of a row's elements, several axes being given, makes a difference.
    in_order: ClassVar[bool] = False
    signature: None = None
    nout: ClassVar[int] = 1

    def __init__(self, name: str, pass_: str, summary: str, excluded: str) -> None:
        forward = pass_ == "forward"
        self.__module__ = "fastact"
        self.__name__ = name if forward else f"{name}_{pass_}"
        self.__qualname__ = name if forward else f"{name}.{pass_}"
        self.nin = len(self.arrays)
        self.pass_ = pass_
        self.summary = summary
        self.excluded = excluded
        self.notes: tuple[str, ...] = ()
        self.kernels = RowKernelTable(name, pass_)

    def __init_subclass__(cls) -> None:
        cls.__doc__ = docs.OnInstance(row_docs.document, cls.__doc__)  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<fastact.{self.__qualname__}{inspect.signature(self)}>"

    def __reduce__(self) -> str:
        # A string is what pickle looks up as a global of `__module__`.
        return self.__qualname__

    def __call__(self, *arrays: Any, **options: Any) -> Any:
        """Compute; ``inspect.signature`` shows the arguments."""
        raise NotImplementedError

    def general(
        self,
        data: tuple[Any, ...],
        axis: Any,
        temperature: Any,
        where: Any,
        out: Any,
        dtype: Any,
        keepdims: bool = False,
        **extra: Any,
    ) -> Any:
        """Compute from anything: arrays of other libraries, array-likes, any layout and dtype."""
        label = self.__qualname__
        outs = arguments.normalize_out(label, out, 1)
        options = {"axis": axis, **self.named(temperature), **extra}
        for name, value, default in (("dtype", dtype, None), ("keepdims", keepdims, False)):
            if value is not default:
                options[name] = value
        asked = row_protocols.asked(data, outs[0], where)
        if asked:
            return row_protocols.delegate(self, asked, data, outs[0], where, options)
        (name,) = self.named(temperature)
        value = row_arguments.temperature_of(label, name, temperature)
        return self._compute(data, axis, value, where, outs, dtype, keepdims, extra)

    def named(self, temperature: Any) -> dict[str, Any]:
        """Return the temperature as a keyword argument."""
        return {"temperature": temperature}

    def _compute(
        self,
        data: tuple[Any, ...],
        axis: Any,
        temperature: float,
        where: Any,
        outs: tuple[Any, ...],
        dtype: Any,
        keepdims: bool,
        extra: Mapping[str, Any],
    ) -> Any:
        """Do the work for operands that NumPy can read."""
        label = self.__qualname__
        arrays = [arguments.real_array(label, value) for value in data]
        loop = arguments.loop_dtype(label, data, arrays, dtype)
        shape = arrays[-1].shape
        axes = row_arguments.checked_axes(axis, len(shape))
        arguments.check_out(label, outs, loop)
        mask = row_protocols.without_masked(row_arguments.mask_for(label, where, shape), data)
        target = None if outs[0] is None else np.asarray(outs[0])
        expected = row_arguments.reduced(shape, axes, keepdims) if self.reduces else shape
        if target is not None and target.shape != expected:
            raise ValueError(f"{label}(): out of shape {target.shape} for a result of {expected}")
        walked = row_arguments.walked_dtype(loop, temperature)
        kernel = self.kernel(_SINGLE if walked.itemsize == 2 else walked, **extra)
        operands = self.operands(arrays, target, mask, temperature, axes)
        (result,) = compute(kernel, walked, axes, operands, self.in_order)
        if walked != loop and target is None:
            with silent():
                result = result.astype(loop)
        if self.reduces:
            result = result.reshape(expected)
        return row_protocols.wrap(self, data, result, outs, axes if self.reduces else None)

    def operands(
        self, arrays: Sequence[Array], target: Array | None, mask: Array | None, *details: Any
    ) -> RowOperands:
        """Sort the arrays of a call into those of elements and those of rows."""
        temperature, _ = details
        shape = arrays[-1].shape
        inputs = [
            row_arguments.broadcast(self.__qualname__, name, array, shape)
            for name, array in zip(self.arrays, arrays, strict=True)
        ]
        return RowOperands(inputs, (), (target,), (), mask, (temperature,))

    def kernel(self, dtype: DType, **extra: Any) -> Kernel:
        """Return the kernel of the backend in force."""
        found = self.kernels[active()][dtype]
        assert found is not None
        return found


def _is_plain(axis: Any, temperature: Any, where: Any, dtype: Any) -> bool:
    return (
        where is True
        and dtype is None
        and type(axis) is int
        and type(temperature) is float
        and COLDEST <= temperature <= HOTTEST
    )


class RowVjp(RowCall):
    """The vector-Jacobian product of a row function, from its output."""

    arrays = ("g", "y")

    def __call__(
        self,
        g: Any,
        y: Any,
        /,
        axis: Axis = -1,
        *,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Compute."""
        if _is_plain(axis, temperature, where, dtype):
            result = row_fast.two_to_one(self.kernels, g, y, axis, out, temperature)
            if result is not None:
                return result
        return self.general((g, y), axis, temperature, where, out, dtype)


class TauVjp(RowCall):
    """The same for a function whose temperature is called tau."""

    arrays = ("g", "y")

    def __call__(
        self,
        g: Any,
        y: Any,
        /,
        axis: Axis = -1,
        *,
        tau: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Compute."""
        return self.general((g, y), axis, tau, where, out, dtype)

    def named(self, temperature: Any) -> dict[str, Any]:
        """Return the temperature as a keyword argument."""
        return {"tau": temperature}


class ReductionVjp(RowCall):
    """The vector-Jacobian product of a reduction, from its input."""

    arrays = ("g", "x")

    def __call__(
        self,
        g: Any,
        x: Any,
        /,
        axis: Axis = None,
        *,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Compute."""
        return self.general((g, x), axis, temperature, where, out, dtype)

    def operands(
        self, arrays: Sequence[Array], target: Array | None, mask: Array | None, *details: Any
    ) -> RowOperands:
        """Sort the arrays of a call into those of elements and those of rows."""
        (g, x), (temperature, axes) = arrays, details
        rows = row_arguments.expanded(self.__qualname__, "g", g, x.shape, axes)
        return RowOperands([x], [rows], (target,), (), mask, (temperature,))


class RowFunction(RowCall):
    """What a row function has besides its calls: names, a source, passes."""

    def __init__(
        self,
        name: str,
        doc: str,
        source: str,
        aliases: tuple[str, ...] = (),
        excluded: str = "0",
        vjp: type[RowCall] | None = None,
        vjp_of: str | None = None,
    ) -> None:
        super().__init__(name, "forward", inspect.cleandoc(doc), excluded)
        self.name = name
        self.aliases = aliases
        self.source = source
        also = (f"Also known as {', '.join(aliases)}.",) if aliases else ()
        self.notes = (*also, f"Source: {source}.")
        parameters = inspect.signature(self).parameters
        self.parameters: Mapping[str, object] = MappingProxyType(
            {
                parameter: parameters[parameter].default
                for parameter in parameters
                if parameter not in (*self.arrays, "where", "out", "dtype")
            }
        )
        passes: dict[str, RowCall] = {"forward": self}
        if vjp is not None:
            summary = f"The vector-Jacobian product of {name}."
            passes["vjp"] = self.vjp = vjp(name, "vjp", summary, "0")
            self.vjp.kernels = RowKernelTable(vjp_of or name, "vjp")
        self.passes: Mapping[str, RowCall] = MappingProxyType(passes)


class Rowwise(RowFunction):
    """A function of whole rows, such as softmax; ``f.vjp(g, y)`` is its vector-Jacobian product.

    Attributes
    ----------
    name : str
        The canonical name.
    aliases : tuple of str
        Its other names.
    parameters : mapping of str to object
        Parameter -> default, in order.
    source : str
        Where it is defined.
    passes : mapping of str to RowCall
        The passes it has, by name; "forward" is the function itself.
    """

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = -1,
        *,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Compute."""
        if _is_plain(axis, temperature, where, dtype):
            result = row_fast.one_to_one(self.kernels, x, axis, out, temperature)
            if result is not None:
                return result
        return self.general((x,), axis, temperature, where, out, dtype)


class RowReduction(RowFunction):
    """A function that makes one number of each row, such as logsumexp; ``f.vjp(g, x)`` is its vjp.

    Its attributes are those of `Rowwise`.
    """

    reduces = True

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = None,
        *,
        temperature: float = 1.0,
        keepdims: bool = False,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Compute."""
        plain = _is_plain(-1 if axis is None else axis, temperature, where, dtype)
        if plain and out is None and not keepdims:
            result = row_fast.one_to_row(self.kernels, x, axis, temperature)
            if result is not None:
                return result
        return self.general((x,), axis, temperature, where, out, dtype, keepdims)

    def operands(
        self, arrays: Sequence[Array], target: Array | None, mask: Array | None, *details: Any
    ) -> RowOperands:
        """Sort the arrays of a call into those of elements and those of rows."""
        temperature, axes = details
        if target is not None and target.ndim < arrays[0].ndim:
            target = np.expand_dims(target, axes)
        return RowOperands(arrays, (), (), (target,), mask, (temperature,))


class Hardmax(Rowwise):
    """hardmax, which NumPy computes whatever the backend."""

    in_order = True  # of several maxima the first has the 1

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = -1,
        *,
        temperature: float = 1.0,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Compute."""
        return self.general((x,), axis, temperature, where, out, dtype)

    def kernel(self, dtype: DType, **extra: Any) -> Kernel:
        """Return what computes it."""
        return _hardmax


class GumbelSoftmax(RowFunction):
    """gumbel_softmax: noise, and then softmax or hardmax."""

    in_order = True  # the noise has to be the same whether hardmax comes after it or softmax

    def __call__(
        self,
        x: Any,
        /,
        axis: Axis = -1,
        *,
        tau: float = 1.0,
        hard: bool = False,
        rng: Rng = None,
        where: Any = True,
        out: Any = None,
        dtype: Any = None,
    ) -> Any:
        """Compute."""
        return self.general((x,), axis, tau, where, out, dtype, hard=bool(hard), rng=rng)

    def named(self, temperature: Any) -> dict[str, Any]:
        """Return the temperature as a keyword argument."""
        return {"tau": temperature}

    def kernel(self, dtype: DType, **extra: Any) -> Kernel:
        """Return what computes it."""
        chosen = _hardmax if extra["hard"] else ROW_FUNCTIONS["softmax"].kernel(dtype)
        return with_noise(chosen, np.random.default_rng(extra["rng"]))


def _declared(declaration: RowDeclaration) -> RowFunction:
    forward = declaration.passes["forward"]
    kind, vjp = (Rowwise, RowVjp) if forward.outputs else (RowReduction, ReductionVjp)
    return kind(
        declaration.name,
        declaration.doc,
        declaration.source,
        declaration.aliases,
        f"{forward.excluded:g}",
        vjp if "vjp" in declaration.passes else None,
    )


#: Canonical name -> function: those of the table, in its order, then those made of them.
ROW_FUNCTIONS: dict[str, RowFunction] = {
    name: _declared(declaration) for name, declaration in ROWS.items() if name[0] != "_"
}
ROW_FUNCTIONS["hardmax"] = Hardmax(
    "hardmax",
    """1 at the first maximum of each row and 0 elsewhere.

    The temperature, which every row function takes, makes no difference.""",
    "definition",
)
ROW_FUNCTIONS["gumbel_softmax"] = GumbelSoftmax(
    "gumbel_softmax",
    """softmax((x + noise)/tau) along the rows, with Gumbel noise: a random choice, relaxed.

    ``gumbel_softmax.vjp(g, y, tau=tau)`` takes the y of a call with ``hard=False``; the same integer
    `rng` gives the y that belongs to a hard choice, for the straight-through gradient.""",
    "Jang, Gu, Poole 2017, arXiv:1611.01144; Maddison, Mnih, Teh 2017, arXiv:1611.00712",
    vjp=TauVjp,
    vjp_of="softmax",
)
