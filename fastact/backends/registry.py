"""Choice of the backend: by environment variable, for the process, or for one thread or task."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, cast

from .. import threads
from ..messages import shown, suggestion
from ..variables import PREFIX, variable
from .protocol import Backend

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "active",
    "backends",
    "get_backend",
    "is_loaded",
    "not_built",
    "register_backend",
    "set_backend",
    "use_backend",
    "when_replaced",
]

VARIABLE = "FASTACT_BACKEND"
ENTRY_POINT_GROUP = "fastact.backends"
# In the order in which "auto" tries them.
BUILT_IN = {"cython": ".cython.backend", "numba": ".numba.backend", "numpy": ".numpy"}


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


def when_replaced(forget: Callable[[Backend], object]) -> None:
    """Call `forget` with every backend that is replaced by another under its name."""
    state.forgetting.append(forget)


def is_loaded(backend: Backend) -> bool:
    """Tell whether the backend is the one that its name stands for."""
    # Of a copy: another thread may load a backend meanwhile.
    return any(backend is one for one in list(state.loaded.values()))


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
