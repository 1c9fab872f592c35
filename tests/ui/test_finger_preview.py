"""Fingers: the finger is seen while it is laid on, and what was seen is never what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from migramovil.devices.fingerprint.sbi import SbiReader, find
from migramovil.devices.ports import DeviceKind, DriverSpec, FingerImage, OnPreview, Pixels
from migramovil.devices.registry import Addresses, Bench
from migramovil.devices.sim.sbi_service import SbiService
from migramovil.devices.trouble import Cancelled, NotForEnrolment
from migramovil.ui import kit, theme
from migramovil.ui.pages.wizard import FingersPage
from tests.services.bench import Counter, Headquarters, Reader, copied, enrolled, opened, person
from tests.ui import wizard_desk as played
from tests.ui.checks import LOOKS, assert_all_well, settle
from tests.ui.gallery import ridges


def grey(level: int, height: int = 40, width: int = 32) -> Pixels:
    return np.full((height, width), level, np.uint8)


def seen(page: FingersPage) -> int | None:
    """The grey of the picture that is shown, in its middle."""
    image = page.live._image
    return None if image is None else image.pixelColor(image.rect().center()).red()


# ---- the page ------------------------------------------------------------------------------------
@pytest.fixture
def here(qtbot: QtBot) -> tuple[FingersPage, played.PlayedEnrolling]:
    return opened_page(qtbot)


def opened_page(qtbot: QtBot) -> tuple[Any, played.PlayedEnrolling]:
    draft = played.whole(fingers=())
    frame, page, enrolling = played.opened(FingersPage, draft)
    qtbot.addWidget(frame, before_close_func=lambda _: frame.allow_close())
    settle()
    return page, enrolling


def laid_on(enrolling: played.PlayedEnrolling, *pictures: Pixels) -> None:
    """The reader shows these, on its own thread."""
    show = enrolling.on_preview
    assert show is not None
    lane = Thread(target=lambda: [show(picture) for picture in pictures])
    lane.start()
    lane.join()
    settle()


def test_the_newest_picture_of_the_finger_is_shown_while_the_reader_waits(here: Any) -> None:
    page, enrolling = here
    page.action_for("F5")()
    assert page.live.empty
    laid_on(enrolling, *(grey(level) for level in range(60, 120)))
    assert seen(page) == 119
    assert page.draft.fingers == ()


def test_a_picture_that_comes_after_the_impression_does_not_take_its_place(here: Any) -> None:
    page, enrolling = here
    enrolling.qualities = [20]
    page.action_for("F5")()
    settle()
    kept = seen(page)
    laid_on(enrolling, grey(250))
    assert seen(page) == kept != 250


def test_a_finger_called_off_is_never_shown_under_the_name_of_another(here: Any) -> None:
    page, enrolling = here
    page.action_for("F5")()
    late = enrolling.on_preview
    page.action_for("→")()
    page.action_for("F5")()
    current = enrolling.on_preview
    enrolling.on_preview = late
    laid_on(enrolling, grey(70))
    assert page.live.empty
    enrolling.on_preview = current
    laid_on(enrolling, grey(80))
    assert seen(page) == 80


def test_nothing_is_shown_on_a_page_that_was_left(here: Any) -> None:
    page, enrolling = here
    page.action_for("F5")()
    laid_on(enrolling, grey(60))
    assert seen(page) == 60
    page.leave()
    laid_on(enrolling, grey(70))
    assert page.live.empty


def test_what_is_larger_than_its_place_is_made_small_before_it_reaches_the_window(
    qtbot: QtBot,
) -> None:
    picture = kit.Picture("Huella", cover=False)
    qtbot.addWidget(picture)
    picture.resize(300, 200)
    picture.show()
    settle()
    assert picture.fitted(grey(9, 1000, 1000)).shape == (200, 200)
    small = grey(9, 100, 100)
    assert picture.fitted(small) is small


@pytest.mark.parametrize("look", LOOKS)
def test_a_finger_being_laid_on_is_whole_in_every_look(
    qtbot: QtBot, look: tuple[theme.Name, float]
) -> None:
    theme.use(*look, motion=False)
    page, enrolling = opened_page(qtbot)
    page.action_for("F5")()
    laid_on(enrolling, ridges(400, 400))
    assert_all_well(page.window())


# ---- with real services and a reader on its lane -------------------------------------------------
@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Headquarters]:
    headquarters = Headquarters()
    return enrolled(tmp_path_factory.mktemp("preview") / "station", headquarters), headquarters


@pytest.fixture
def counter(station: tuple[Path, Headquarters], tmp_path: Path) -> Iterator[Counter]:
    template, headquarters = station
    with opened(copied(template, tmp_path / "station"), headquarters) as counter:
        counter.enter()
        yield counter


Sit = Callable[[DriverSpec], FingersPage]


@pytest.fixture
def sit(qtbot: QtBot, counter: Counter) -> Iterator[Sit]:
    """Somebody sits down before a reader."""
    benches = []

    def down(spec: DriverSpec) -> FingersPage:
        bench = Bench([spec])
        benches.append(bench)
        counter.enrolling._bench = bench
        counter.enrolling.start().result(10)
        counter.enrolling.change(person=person())
        desk, _ = played.desk_of(counter.draft)
        desk = replace(desk, enrolling=counter.enrolling, accounts=counter.accounts)
        frame, page = played.opened_at(desk, FingersPage)
        qtbot.addWidget(frame, before_close_func=lambda _: frame.allow_close())
        settle()
        assert isinstance(page, FingersPage)
        return page

    yield down
    for bench in benches:
        bench.close()


def spec_of(reader: Any) -> DriverSpec:
    return DriverSpec(
        name="reader",
        kind=DeviceKind.FINGERPRINT,
        lane="usb",
        installed=lambda: True,
        find=lambda: [reader.info],
        make=lambda _: reader,
    )


class ShowingReader(Reader):
    """Shows the finger until it is told that it lies well."""

    def __init__(self) -> None:
        super().__init__(DeviceKind.FINGERPRINT)
        self.info = replace(self.info, capabilities={"grade": "enrolment", "preview": True})
        self.lies_well = Event()

    def capture(
        self, *, timeout_s: float, cancelled: Event, on_preview: OnPreview | None = None
    ) -> FingerImage:
        assert on_preview is not None
        while not self.lies_well.wait(0.01):
            if cancelled.is_set():
                raise Cancelled
            on_preview(grey(77))
        return FingerImage(pixels=grey(150), ppi=500)


def pictures_of(page: FingersPage) -> list[Pixels]:
    """Every picture the page shows from now on, in order."""
    shown: list[Pixels] = []
    show = page.live.show_pixels

    def watched(pixels: Pixels | None) -> None:
        if pixels is not None:
            shown.append(pixels)
        show(pixels)

    page.live.show_pixels = watched  # type: ignore[method-assign]
    return shown


def test_what_is_kept_is_the_impression_and_no_picture_of_the_preview(
    qtbot: QtBot, counter: Counter, sit: Sit
) -> None:
    reader = ShowingReader()
    page = sit(spec_of(reader))
    page.action_for("F5")()  # type: ignore[misc]
    qtbot.wait_until(lambda: seen(page) == 77, timeout=10_000)
    assert counter.pictures() == 0
    reader.lies_well.set()
    qtbot.wait_until(lambda: seen(page) == 150, timeout=10_000)
    page.leave()
    assert np.array_equal(counter.enrolling.finger_pixels(2).result(10), grey(150))
    assert counter.pictures() == 1


def test_the_finger_on_a_reader_behind_a_device_service_is_seen_and_then_taken(
    qtbot: QtBot, counter: Counter, sit: Sit
) -> None:
    rows, columns = np.mgrid[0:96, 0:80]
    impression = (128 + 100 * np.sin((rows + columns) / 3)).astype(np.uint8)
    service = SbiService(lambda _: impression, pace_s=0.2, fps=25, slap=False)
    try:
        info = find(Addresses(sbi=str(service.port), sbi_environment="Developer"))[0]
        assert info.capabilities["preview"] is True
        reader = SbiReader(info, roots=lambda: service.roots_pem, environment="Developer")
        page = sit(spec_of(reader))
        shown = pictures_of(page)
        page.action_for("F5")()  # type: ignore[misc]
        qtbot.wait_until(
            lambda: bool(shown) and np.array_equal(shown[-1], impression), timeout=10_000
        )
        page.leave()
        assert shown[0].shape == (48, 40)  # half the size: the preview, before the impression
        kept = counter.enrolling.finger_pixels(2).result(10)
        assert np.array_equal(kept, impression)
    finally:
        service.close()


def test_a_reader_fit_to_verify_only_says_so_on_the_page_and_takes_nothing(
    qtbot: QtBot, counter: Counter, sit: Sit
) -> None:
    reader = Reader(DeviceKind.FINGERPRINT)
    reader.info = replace(reader.info, capabilities={"grade": "verification"})
    page = sit(spec_of(reader))
    page.action_for("F5")()  # type: ignore[misc]
    qtbot.wait_until(page.trouble.isVisible, timeout=10_000)
    assert page.shown_trouble() == NotForEnrolment.code == "FPR-04"
    assert NotForEnrolment.what.rstrip(".") in page.trouble.accessibleName()
    assert NotForEnrolment.advice in page.trouble.accessibleName()
    assert page.live.empty
    assert reader.taken == 0
    assert counter.draft.fingers == ()
    assert_all_well(page.window())
