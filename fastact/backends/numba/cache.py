"""The disk cache of compiled kernels: a file for each, in the user's cache folder.

Never in the package, where Numba would put it: pip does not know such files, leaves their folder behind
when it uninstalls or replaces the package, and Python then takes it for an empty `fastact`.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, Final

import llvmlite
import numba
from numba.core import config
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from ..._version import __version__
from . import own

# Numba's settings, besides the processor, that change the code.
_SETTINGS: Final = (
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "DISABLE_INTEL_SVML",
    "LOOP_VECTORIZE",
    "OPT",
    "SLP_VECTORIZE",
)
_DIGEST_BYTES: Final = hashlib.sha256().digest_size
_DAY: Final = 86400.0
# Every edit of a kernel leaves files that are not asked for again. The whole suite writes 30 MB.
_KEPT_DAYS: Final = 30


def folder() -> Path:
    """Return the folder of the compiled kernels, made if it is not there.

    Raises
    ------
    OSError
        If there is none that is fit to run machine code from; the message says why.
    """
    path = _user_folder() / "fastact"
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(0o700)
    if not path.is_dir():
        raise NotADirectoryError(f"{path} is not a folder")
    _refuse_if_shared(path.stat(), path)
    return path


def _user_folder() -> Path:
    """Return where this platform keeps what programs can make again."""
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR)
    if sys.platform == "win32":
        place = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        place = os.path.expanduser("~/Library/Caches")
    else:
        place = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(place):  # to be ignored, by the XDG specification
            place = os.path.expanduser("~/.cache")
    if not os.path.isabs(place):
        raise FileNotFoundError("the user has no home directory")
    return Path(place)


def _refuse_if_shared(status: os.stat_result, path: Path) -> None:
    """Raise PermissionError if another user may have written there what would be run here."""
    if sys.platform == "win32":  # its user folders are private by their access control lists
        return
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user")
    if status.st_mode & 0o022:
        raise PermissionError(f"{path} can be written by other users")


class DiskCache(_Cache):  # type: ignore[misc]
    """What a dispatcher asks for compiled code and hands it to. A call never fails because of it.

    A file is named after the digest of all that its code depends on, so that clones, versions,
    processors and options can share the folder, and begins with a digest of that and of its content: of
    40 damaged files that Numba's own cache read, four killed the process and one gave wrong numbers,
    and a file under another's name ran silently.

    Parameters
    ----------
    function : callable
        A plain function of a module that has its source.
    options : mapping
        What it is compiled with.

    Raises
    ------
    OSError
        If nothing can be kept; the message says why.
    """

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        self._folder = folder()
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._about = (
            *(self._name, sorted(options.items()), _sources(), _source(function.__module__)),
            *(__version__, numba.__version__, llvmlite.__version__, EXTENSION_SUFFIXES[0]),
            *((name, getattr(config, name, None)) for name in _SETTINGS),
        )

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def _entry(self, signature: Any, codegen: Any) -> tuple[Path, bytes]:
        """Return the file for a signature and the processor, and the key that it is kept under."""
        # Each by its name: in the text of a tuple, a type of our own looks like its base class.
        types = map(str, (*signature.args, signature.return_type))
        key = (*self._about, *types, codegen.magic_tuple())
        digest = hashlib.sha256(repr(key).encode())
        stem = ".".join(self._name.split(".")[-2:])
        return self._folder / f"{stem}-{digest.hexdigest()[:32]}.nbc", digest.digest()

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return what was compiled before, or None."""
        target_context.refresh()
        path, key = self._entry(signature, target_context.codegen())
        # Whatever is wrong with a file, it is compiled anew and the file replaced.
        with suppress(Exception), path.open("rb") as file:
            status = os.fstat(file.fileno())
            _refuse_if_shared(status, path)
            digest, data = file.read(_DIGEST_BYTES), file.read()
            if hashlib.sha256(key + data).digest() == digest:
                if time.time() - status.st_mtime > _DAY:
                    with suppress(OSError):
                        os.utime(path)
                return CompileResult._rebuild(target_context, *pickle.loads(data))
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Keep what was compiled, if it holds no address of this process."""
        if result.library.has_dynamic_globals:
            return
        path, key = self._entry(signature, result.codegen)
        data = dumps(result._reduce())
        with suppress(OSError):
            _write(path, hashlib.sha256(key + data).digest() + data)
            _sweep(self._folder)

    def enable(self) -> None:
        """Do nothing: it is always on."""

    def disable(self) -> None:
        """Do nothing: it is always on."""

    def flush(self) -> None:
        """Do nothing: what is stale is never asked for."""


def _write(path: Path, content: bytes) -> None:
    """Write a file that this user alone can read, atomically."""
    handle, temporary = tempfile.mkstemp(".nbc", dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            os.unlink(temporary)


@cache
def _sweep(path: Path) -> None:
    """Remove what has not been used for long, once a process."""
    oldest = time.time() - _KEPT_DAYS * _DAY
    for file in path.glob("*.nbc"):  # NUMBA_CACHE_DIR may be the folder of a clone
        with suppress(OSError):
            if file.stat().st_mtime < oldest:
                file.unlink()


@cache
def _sources() -> str:
    """Return the digest of the modules whose code is inlined into the kernels."""
    package = sys.modules[__package__]
    found = walk_packages(package.__path__, f"{__package__}.")
    names = sorted(module.name for module in found if "._kernels" not in module.name)
    texts = [_source(name) for name in names]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


@cache
def _source(module: str) -> str:
    """Return the digest of a module's source as it was when first asked for."""
    text = own.text(module)
    if text is None:
        # By the loader, which reads from a zip archive, too.
        loader: Any = getattr(find_spec(module), "loader", None)
        text = loader.get_source(module) if hasattr(loader, "get_source") else None
    if text is None:
        raise FileNotFoundError(f"the source of {module} is not there")
    return hashlib.sha256(text.encode()).hexdigest()
