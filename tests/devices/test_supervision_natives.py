"""Native code that can crash never runs in the station's process: a whole walk, then a look inside.

`python -m tests.devices.test_supervision_natives FOLDER` is that process. Its drivers are those of
a real station, found by their addresses; only what hangs on the far end is played.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import cv2
import pytest
from PySide6.QtWidgets import QApplication

from migramovil import opening
from migramovil.devices import registry
from migramovil.devices.ports import DriverSpec
from migramovil.devices.sim import people
from tests.fakes.vendor_library import FakeLibrary
from tests.walk.faulty_station import Van, counter

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
]
ROOT = Path(__file__).parents[2]
VENDOR = "libScanAPI.so"
OURS = "migramovil.devices."
APART = (
    "camera.gphoto2_still", "fingerprint.libfprint", "fingerprint.vendor_futronic",
)  # fmt: skip
"""Drivers whose modules bring native code with them; `camera.opencv` is looked at by its captures,
as OpenCV's arrays are used everywhere."""
LIBRARIES = (VENDOR, "libgphoto2", "libfprint", "libv4l")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("natives")
    library = FakeLibrary(folder)
    library.do("ok")
    library.show(people.person(3, 3).impression(2, 1))
    done = subprocess.run(
        [sys.executable, "-m", "tests.devices.test_supervision_natives", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "FTR_FAKE": str(folder), "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_walk_was_done_with_the_drivers_of_a_real_station(said: dict[str, Any]) -> None:
    assert said["drivers"] == {
        "portrait": "opencv",
        "fingers": "vendor_futronic",
        "mrz": "mrz-serial",
        "printer": "escpos",
        "gnss": "gnss-nmea",
    }
    assert said["sealed"]
    assert said["printed"]


def test_no_camera_is_opened_in_the_process_of_the_window(said: dict[str, Any]) -> None:
    assert said["captures"] == 0
    assert not [path for path in said["open files"] if path.startswith("/dev/video")]
    assert "camera-reel" not in said["threads"]


def test_no_driver_of_native_code_is_loaded_there(said: dict[str, Any]) -> None:
    assert [name for name in APART if OURS + name in said["modules"]] == []
    assert [name for name in ("gphoto2", "gi") if name in said["modules"]] == []
    assert [path for path in said["maps"] if any(name in path for name in LIBRARIES)] == []


def test_the_vendors_library_is_loaded_next_door(said: dict[str, Any]) -> None:
    """So that what is not found in the window's process is not merely missing."""
    assert any(VENDOR in path for path in said["maps next door"])


# ---- the process that is looked into -------------------------------------------------------------
class Wired(Van):
    """The played devices at the addresses that a real station's settings name."""

    def __init__(self, library: Path) -> None:
        super().__init__()
        self._library = library

    @property
    def specs(self) -> tuple[DriverSpec, ...]:
        assert self.mrz is not None
        return registry.drivers(
            registry.Addresses(
                printer=self.printer.address,
                mrz=self.mrz.port,
                camera=self.film.address,
                gnss=self.gnss.port,
                vendor_library=str(self._library),
            )
        )


def main(folder: Path) -> None:
    opened: list[object] = []

    class Watched(cv2.VideoCapture):  # type: ignore[misc]
        def __init__(self, *args: object) -> None:
            opened.append(args)
            super().__init__(*args)

    cv2.VideoCapture = Watched  # type: ignore[misc]
    qt = QApplication([])
    with counter(folder / "station", Wired(folder / VENDOR)) as here:
        window, bridge = opening.window_for(here.station)
        window.show()
        here.sit_down()
        here.enrolling.take_finger(2).result(20)
        here.enrolling.accept_reading(here.enrolling.read_mrz().result(10))
        finished = here.finish()
        printed = here.station.desk.printing.print_slip(finished).result(10)
        here.station.desk.whereabouts.look().result(10)
        qt.processEvents()
        slots = here.station.bench.slots
        said = {
            "drivers": {
                role.value: slot.info.driver
                for role, slot in slots.items()
                if slot.info is not None
            },
            "sealed": finished.folio,
            "printed": printed.confirmed,
            "captures": len(opened),
            "threads": [thread.name for thread in threading.enumerate()],
            "modules": sorted(sys.modules),
            "maps": maps(os.getpid()),
            "maps next door": [path for child in children() for path in maps(child)],
            "open files": open_files(),
        }
        window.hide()
        bridge.close()
    print(json.dumps(said))  # noqa: T201 - what the test reads


def maps(pid: int) -> list[str]:
    """The files that are mapped into a process; none into one that ended meanwhile."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    return sorted({line.split(maxsplit=5)[5] for line in lines if "/" in line})


def children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def open_files() -> list[str]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(entry.readlink()))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
