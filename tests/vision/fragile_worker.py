"""A judge that dies of a black picture, hangs on a white one, and gives any other one's middle."""

from __future__ import annotations

import os
import time

from migramovil.vision.finger_worker import serve

HANG_S = 60


def judge(picture: bytes) -> int:
    last = picture[-1]
    print("native code prints where it likes")  # noqa: T201 - and must not be taken for an answer
    if last == 0:
        os._exit(3)
    if last == 255:
        time.sleep(HANG_S)
    return last


if __name__ == "__main__":
    serve(judge)
