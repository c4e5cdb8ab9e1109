"""Atomic writing of files: a run that fails or is stopped leaves the old file."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

__all__ = ["discard_unfinished", "replacing", "write", "write_file"]


# Partial file -> its open file object, or None before it is open.
_unfinished: dict[Path, io.FileIO | None] = {}


def discard_unfinished() -> None:
    """Remove the partial files, before the process ends at a signal."""
    for partial, file in list(_unfinished.items()):
        with contextlib.suppress(OSError):
            if file is not None:
                file.close()
            partial.unlink()


@contextlib.contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Name `path` in operating-system errors instead of a temporary file or none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write(file: io.FileIO, data: memoryview, target: Path) -> None:
    """Write all of `data`; an error names `target`."""
    with _blaming(target):
        while data:
            data = data[file.write(data) :]


def _sync_directory(directory: Path) -> None:
    # Some systems cannot open or sync a directory; the rename itself is done.
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[io.FileIO]:
    """Open a new file that replaces `target` when the ``with`` block succeeds.

    Until then it is called ``<name>.<random>.partial``, in the same directory, and is no more
    accessible than `target`. Any exception removes it and leaves `target` unchanged.

    Parameters
    ----------
    target
        The file to create or replace. Symbolic links are followed, dangling ones too, as by the
        shell's ``>``. Owner, group and mode of an old file are kept as far as the system permits.

    Yields
    ------
    io.FileIO
        The new file, empty and unbuffered.

    Raises
    ------
    PermissionError
        If `target` may not be written, or its mode lets nobody write; the latter holds for root too.
    """
    old = _replaceable(target)
    final = Path(os.path.realpath(target)) if target.is_symlink() else target
    # 50 characters of at most four bytes keep the name within the usual limit of 255 bytes.
    partial = final.with_name(f"{final.name[:50]}.{secrets.token_hex(8)}.partial")
    mode = 0o666 if old is None else 0o600 & old.st_mode
    _unfinished[partial] = None
    try:
        with _blaming(target):
            file = io.FileIO(partial, "x", opener=lambda path, flags: os.open(path, flags, mode))
        _unfinished[partial] = file
        with file:
            yield file
            with _blaming(target):
                if old is not None:
                    _hand_over(file.fileno(), partial, old)
                os.fsync(file.fileno())
        with _blaming(target):
            os.replace(partial, final)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    finally:
        del _unfinished[partial]
    _sync_directory(final.parent)


def _replaceable(target: Path) -> os.stat_result | None:
    """Return the status of the old file, or None if there is none; raise if it cannot be replaced."""
    try:
        old = os.stat(target)
    except FileNotFoundError:
        return None
    # Renaming over a device such as /dev/null would replace the device itself.
    if not stat.S_ISREG(old.st_mode):
        kind = "a directory" if stat.S_ISDIR(old.st_mode) else "not a regular file"
        raise ValueError(f"{target}: is {kind} and cannot be replaced")
    if not old.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "is read-only and will not be replaced", str(target))
    return old


def _hand_over(descriptor: int, partial: Path, old: os.stat_result) -> None:
    """Give the new file the owner, the group and the mode of the old one."""
    mode = stat.S_IMODE(old.st_mode)
    if not hasattr(os, "fchown"):
        partial.chmod(mode)
        return
    try:
        os.fchown(descriptor, old.st_uid, old.st_gid)
    except OSError:
        mode &= 0o777
        try:
            os.fchown(descriptor, -1, old.st_gid)
        except OSError:
            # The group could not be kept: the new one gets only the permissions of all others.
            mode &= ~0o070 | (mode & 0o007) << 3
    os.fchmod(descriptor, mode)


def write_file(target: Path, data: bytes) -> None:
    """Write `data` to a new file or replace the old one, atomically."""
    with replacing(target) as file:
        write(file, memoryview(data), target)
