"""What lies on a played reader's glass, cut to the size of its sensor."""

from __future__ import annotations

import numpy as np

from migramovil.devices.ports import Pixels


def on_glass(impression: Pixels, height: int, width: int) -> Pixels:
    """The impression centred on a sensor of that size, cut or with white around it."""
    glass = np.full((height, width), 255, np.uint8)
    (top, above, rows), (left, before, columns) = (
        (max(0, (inner - outer) // 2), max(0, (outer - inner) // 2), min(inner, outer))
        for inner, outer in zip(impression.shape, glass.shape, strict=True)
    )
    glass[above : above + rows, before : before + columns] = impression[
        top : top + rows, left : left + columns
    ]
    return glass
