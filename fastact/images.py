"""An image as numbers that an activation bends: its grey values, spread evenly around 0."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np
from matplotlib import cbook
from PIL import Image, ImageOps

from .graphs import Array
from .messages import shown

__all__ = ["LONGEST_SIDE", "REACH_OF_IMAGE", "ImageFile", "grey", "spread"]

ImageFile = str | os.PathLike[str] | BinaryIO

#: The values are from minus this to this.
REACH_OF_IMAGE = 3.0
# In pixels; more than a panel shows.
LONGEST_SIDE = 512


def grey(file: ImageFile | None) -> Array:
    """Return the grey values of an image, upright and no larger than a panel shows."""
    if file is not None and not (isinstance(file, (str, os.PathLike)) or hasattr(file, "read")):
        raise TypeError(f"panels(): image={shown(file)}: expected a path or a file")
    if file is None:
        file = str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened).convert("L")
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            return np.asarray(image, dtype=np.float64)
    except OSError as error:
        if error.errno is not None:  # an error of the system: missing, a directory, forbidden
            raise
        raise ValueError(f"{file}: not a readable image: {error}") from error
    # A damaged file may raise nearly anything: SyntaxError, struct.error, DecompressionBombError.
    except Exception as error:
        raise ValueError(f"{file}: not a readable image: {error}") from error


def spread(values: Array) -> Array:
    """Return grey values by rank, evenly from -3 to 3: a middle grey is 0."""
    # Scaled by their spread instead, a seventh of the values of a dark picture were negative.
    _, level, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts / 2
    found: Array = (REACH_OF_IMAGE * (2 * below / values.size - 1))[level.reshape(values.shape)]
    return found
