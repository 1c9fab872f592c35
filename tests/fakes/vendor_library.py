"""The library of vendor_fake.c, compiled, and the folder that tells it what to do."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from migramovil.devices.ports import Pixels

SOURCE = Path(__file__).with_name("vendor_fake.c")


class FakeLibrary:
    """`folder` must be what the environment says in FTR_FAKE."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "libScanAPI.so"
        self._folder = folder
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-o", self.path, SOURCE], check=True, timeout=60
        )

    def do(self, mode: str) -> None:
        (self._folder / "mode").write_text(mode, encoding="ascii")

    def show(self, pixels: Pixels, size: tuple[int, int] | None = None) -> None:
        height, width = size or pixels.shape
        head = struct.pack("ii", width, height)
        (self._folder / "picture").write_bytes(head + pixels.tobytes())
