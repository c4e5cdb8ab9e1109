"""Choice of the backend: by environment variable, for the process, or for one thread or task."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from .. import threads
from ..messages import shown, suggestion
from ..variables import PREFIX, variable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "Backend",
    "Kernel",
    "active",
    "backends",
    "computed_dtypes",
    "get_backend",
    "is_loaded",
    "not_built",
    "register_backend",
    "row_kernel",
    "set_backend",
    "use_backend",
    "when_replaced",
    "within",
]

VARIABLE = "FASTACT_BACKEND"
ENTRY_POINT_GROUP = "fastact.backends"
# In the order in which "auto" tries them.
BUILT_IN = {"cython": ".cython.backend", "numba": ".numba.backend", "numpy": ".numpy"}

Kernel = Callable[..., object]


class Backend(Protocol):
    """The backend protocol: a hashable module or object with these members.

    A kernel takes one-dimensional, contiguous, aligned arrays in native byte order, all of one
    dtype and size: the inputs, then the outputs to fill, then every parameter of the function, each
    a `float` or an array like the inputs. An output may be the same memory as an input.

    A row kernel takes contiguous, aligned arrays in native byte order, all of one dtype: the inputs,
    of shape (outer, axis, inner); inputs with one value for each row, of shape (outer, inner); the
    outputs to fill, of either shape in the same order; a mask of the elements that take part, of shape
    (outer or 1, axis, inner), or None; and every parameter, a `float`.

    Optional are, each with a slower path where it is missing:

    * of a backend: `row_kernel`, without which it computes everything but rows; `dtypes`, the names of
      the dtypes that it has kernels for, without which these are "float32" and "float64"; and `convert`,
      which copies a contiguous array of float16 or bfloat16 to one of float32, or the other way, and
      returns whether it did. For a backend without kernels for 16-bit dtypes their arrays are converted;
      with such kernels, the arrays with one value for each row are float32. `running_maximum` and
      `recurrence` do what functions/cumulative_steps.py defines for the others.
    * of a kernel: `rows`, which takes the same operands in two dimensions, with contiguous rows at any
      distance; `strided`, which takes them in one dimension, with elements at any distance; and `summed`,
      which takes them without the first output and returns the sum of its elements, as they are computed, in
      float64.

    * of a row kernel: `columns`, which takes the same operands, without a mask, where arrays
      (1, axis, inner) are some columns of wider ones, all of one width; and `in_parts`, which takes the
      length of one row, two functions, and what the kernel takes, where arrays of shape
      (1, 2**18 // the size of a value as it is computed, 1) hold parts of the row: ``load(begin, end, at)``
      puts elements of the row at a place of the inputs and the mask, and ``store`` fetches those of the
      output, which may be the first input. Without it long rows that a kernel cannot take where they are
      are copied.

    Besides the public functions, the names are those of the declarations: losses that are computed
    element by element, and the row functions ``_exp_sum``, ``_softmax_from``, ``_log_softmax_from``
    and ``_cross_entropy``, of which cross entropy and softmax in chunks are made.
    """

    @property
    def name(self) -> str:
        """The name it is registered under."""

    def why_unavailable(self) -> str | None:
        """Return in one line why it cannot work here, or None if it can. Never raises.

        A line that begins with a variable's name, ``FASTACT_...``, is about its value: it is raised as a ValueError.
        """

    def kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
        """Return the kernel of one pass of one function, for float32, float64 or another of `dtypes`."""

    def row_kernel(self, name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
        """Return the row kernel of one pass of one function, for the same dtypes."""

    def describe(self) -> dict[str, str]:
        """Describe what it runs on, such as its instruction set, for ``fastact info``."""


class _State:
    """The registered and the loaded backends, and the process-wide choice."""

    def __init__(self) -> None:
        self.factories: dict[str, Callable[[], Backend]] = {}
        self.loaded: dict[str, Backend] = {}
        self.lock = threading.RLock()
        self.chosen: Backend | None = None
        self.forgetting: list[Callable[[Backend], object]] = []
        self.warned = False


state = _State()
chosen_here: ContextVar[Backend | None] = ContextVar("fastact_backend", default=None)


def active() -> Backend:
    """Return the backend in force in this thread or task."""
    backend = chosen_here.get()
    if backend is None:
        backend = state.chosen
        if backend is None:
            backend = _from_environment()
    return backend


def row_kernel(backend: Backend, name: str, pass_: str, dtype: np.dtype[Any]) -> Kernel:
    """Return a row kernel of a backend, or raise NotImplementedError if it has none."""
    bind = getattr(backend, "row_kernel", None)
    try:
        if bind is not None:
            return cast(Kernel, bind(name, pass_, dtype))
    except KeyError:
        pass
    raise NotImplementedError(
        f"the {backend.name} backend does not compute rows: it has no {name} {pass_} for {dtype}; "
        "choose another with set_backend() or use_backend()"
    )


def computed_dtypes(backend: Backend) -> frozenset[str]:
    """Return the names of the dtypes that a backend has kernels for."""
    return frozenset(getattr(backend, "dtypes", ("float32", "float64")))


def when_replaced(forget: Callable[[Backend], object]) -> None:
    """Call `forget` with every backend that is replaced by another under its name."""
    state.forgetting.append(forget)


def is_loaded(backend: Backend) -> bool:
    """Tell whether the backend is the one that its name stands for."""
    # Of a copy: another thread may load a backend meanwhile.
    return any(backend is one for one in list(state.loaded.values()))


def within(dtype: np.dtype[Any], value: Any) -> Any:
    """Return a parameter as the kernels of a dtype see it: out of range is infinite."""
    if isinstance(value, np.ndarray) or abs(value) <= float(np.finfo(dtype).max):
        return value
    with np.errstate(all="ignore"):
        return float(dtype.type(value))


def get_backend() -> str:
    """Return the name of the backend in force in this thread or task.

    Returns
    -------
    str
        "cython", "numba", "numpy", or the name of a registered backend.

    Raises
    ------
    ImportError
        If the backend that FASTACT_BACKEND names cannot work here.
    ValueError
        If there is no backend of that name.

    Examples
    --------
    >>> import fastact as fa
    >>> with fa.use_backend("numpy"):
    ...     fa.get_backend()
    'numpy'
    """
    return active().name


def set_backend(name: str) -> None:
    """Choose the backend of the whole process.

    Parameters
    ----------
    name : str
        "auto", "cython", "numba", "numpy", or the name of a registered backend. "auto" chooses the
        first of the three that works here.

    Raises
    ------
    ValueError
        If there is no backend of that name.
    ImportError
        If it cannot work here; the message says why.

    See Also
    --------
    use_backend : Choose for a ``with`` statement, in one thread.
    backends : Which backends there are.

    Examples
    --------
    >>> import fastact as fa
    >>> before = fa.get_backend()
    >>> fa.set_backend("numpy")
    >>> fa.get_backend()
    'numpy'
    >>> fa.set_backend(before)
    """
    with state.lock:  # or another thread replaces the backend between the two
        state.chosen = _resolve(name, "set_backend")


def use_backend(name: str) -> AbstractContextManager[None]:
    """Choose the backend for the body of a ``with`` statement, in this thread or task only.

    Parameters
    ----------
    name : str
        As for :func:`set_backend`, whose choice it overrides.

    Raises
    ------
    ValueError
        If there is no backend of that name.
    ImportError
        If it cannot work here; the message says why.

    Examples
    --------
    >>> import fastact as fa
    >>> with fa.use_backend("numpy"):
    ...     fa.relu([-1.0, 2.0])
    array([0., 2.])
    """
    return _used(_resolve(name, "use_backend"))


@contextmanager
def _used(backend: Backend) -> Iterator[None]:
    token = chosen_here.set(backend)
    try:
        yield
    finally:
        chosen_here.reset(token)


def backends() -> dict[str, str]:
    """Return the name of every known backend with "available", or why it is not.

    Returns
    -------
    dict of str to str
        The built-in backends first.

    Examples
    --------
    >>> import fastact as fa
    >>> fa.backends()["numpy"]
    'available'
    """
    return {name: _attempt(name)[1] or "available" for name in _known()}


def register_backend(name: str, factory: Callable[[], Backend]) -> None:
    """Add a backend.

    Parameters
    ----------
    name : str
        Its name; the built-in names are reserved. Registering a name again replaces its backend, even if
        ``set_backend`` has chosen it; the body of a ``with use_backend(...)`` keeps the old one.
    factory : callable
        Called without arguments when the backend is first needed; returns a :class:`Backend`.

    Raises
    ------
    TypeError
        If the name is not a string, or the factory cannot be called.
    ValueError
        If the name is that of a built-in backend.

    Notes
    -----
    An installed package can do the same by declaring the factory as an entry point of the group
    ``fastact.backends``.
    """
    if not isinstance(name, str) or not name:
        raise TypeError(f"a backend's name is a non-empty string, not {shown(name)}")
    if name == "auto" or name in BUILT_IN:
        raise ValueError(f"the backend name {name!r} is taken")
    if not callable(factory):
        raise TypeError(f"the factory of backend {name!r} is not callable: {shown(factory)}")
    with state.lock:
        state.factories[name] = factory
        replaced = state.loaded.pop(name, None)
        if replaced is not None:
            for forget in state.forgetting:
                forget(replaced)
            if state.chosen is replaced:
                state.chosen = _resolve(name, "register_backend")


def _after_fork_in_child() -> None:
    # Another thread of the parent may have held the lock at the fork; it would never be released here.
    state.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _from_environment() -> Backend:
    with state.lock:
        if state.chosen is None:
            state.chosen = _resolve(variable("BACKEND") or "auto", VARIABLE)
        return state.chosen


def _resolve(name: str, asked_by: str) -> Backend:
    """Return a working backend, or raise ValueError (unknown, or a wrong variable) or ImportError (does not work)."""
    # Report a bad FASTACT_NUM_THREADS itself, not a backend that failed to load because of it.
    threads.get_num_threads()
    if name == "auto":
        return _first_that_works()
    if name not in BUILT_IN and name not in state.factories and name not in _known():
        choices = ["auto", *_known()]
        given = f"={name!r}" if asked_by == VARIABLE else f"({shown(name)})"
        hint = suggestion(name, choices)
        raise ValueError(f"{asked_by}{given}: choose one of {', '.join(choices)}{hint}")
    backend, reason = _attempt(name)
    if backend is None:
        if reason and reason.startswith(PREFIX):  # a wrong value, such as that of FASTACT_ISA
            raise ValueError(reason)
        raise ImportError(f"the {name} backend is not available: {reason}")
    return backend


def _first_that_works() -> Backend:
    reasons = []
    for name in BUILT_IN:
        backend, reason = _attempt(name)
        if backend is not None:
            if name == "numpy" and not state.warned and (message := not_built()):
                state.warned = True
                # 1,048,576 float32: relu 48, gelu 295, softmax 424 times the extension's time
                slow = "fastact computes with NumPy only, up to some hundred times slower"
                warnings.warn(f"{slow}: {message}", RuntimeWarning, stacklevel=2)
            return backend
        reasons.append(f"{name}: {reason}")
    raise ImportError(f"no backend works here: {'; '.join(reasons)}")


def not_built() -> str | None:
    """Return a line if this is a source tree that was never built, else None.

    Numba's kernels are the sign of a build: every installation has them, and a tree built for another Python.
    """
    from importlib.util import find_spec

    # A folder left with only __pycache__ is found as a namespace package, which has no file.
    if any(
        (spec := find_spec(f"{__package__}.{part}")) and spec.origin
        for part in ("numba._kernels", "cython._native")
    ):
        return None
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    return (
        f"the source tree {root} is not built; run `pip install -e .` in it, "
        "or start Python in another folder to import an installed fastact"
    )


def _attempt(name: str) -> tuple[Backend | None, str | None]:
    """Return a working backend and None, or None and the reason."""
    try:
        backend = _load(name)
        reason = backend.why_unavailable()
    except Exception as error:  # any error of a broken installation is a reason, not a crash
        return None, f"{type(error).__name__}: {error}"
    return (backend, None) if reason is None else (None, reason)


def _load(name: str) -> Backend:
    with state.lock:
        if name not in state.loaded:
            if name in BUILT_IN:
                state.loaded[name] = cast(Backend, import_module(BUILT_IN[name], __package__))
            else:
                state.loaded[name] = state.factories[name]()
        return state.loaded[name]


def _known() -> list[str]:
    """Return every name, those of installed packages included, built-in ones first."""
    from importlib.metadata import entry_points  # 15 ms that few programs need

    with state.lock:
        for entry_point in entry_points(group=ENTRY_POINT_GROUP):
            if entry_point.name not in BUILT_IN:
                state.factories.setdefault(entry_point.name, _loader(entry_point))
        return [*BUILT_IN, *state.factories]


def _loader(entry_point: EntryPoint) -> Callable[[], Backend]:
    def factory() -> Backend:
        return cast(Backend, entry_point.load()())

    return factory
