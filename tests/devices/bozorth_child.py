"""Compare pictures in a process of their own, since native code may crash.

Standard input is an .npy array (n, height, width); output is the matrix of Bozorth3 scores.
"""

from __future__ import annotations

import io
import json
import sys

import nbis
import numpy as np


def main() -> None:
    pictures = np.load(io.BytesIO(sys.stdin.buffer.read()))
    height, width = pictures.shape[1:]
    head = b"P5\n%d %d\n255\n" % (width, height)
    extractor = nbis.new_nbis_extractor(
        nbis.NbisExtractorSettings(
            min_quality=0.0,
            get_center=False,
            check_fingerprint=False,
            compute_nfiq2=False,
            ppi=500.0,
        )
    )
    found = [extractor.extract_minutiae(head + picture.tobytes()) for picture in pictures]
    sys.stdout.write(json.dumps([[one.compare(other) for other in found] for one in found]))


main()
