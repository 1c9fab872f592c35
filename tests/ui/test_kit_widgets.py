"""Tables, hands, pictures, measures: what they show and what they tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from migramovil.core.trouble import Trouble
from migramovil.devices.ports import SlipLine
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit import icons
from tests.ui.checks import settle

KEY = Qt.Key


class Counting:
    """A hundred thousand rows that know which of them were asked for."""

    def __init__(self, count: int = 100_000) -> None:
        self.rows, self.asked = count, set[int]()

    def count(self) -> int:
        return self.rows

    def row(self, number: int) -> Sequence[kit.Cell]:
        self.asked.add(number)
        return [
            kit.Cell(words=f"F-{number}", second="Persona", strong=True),
            kit.Cell(words="Por enviar", badge="idle"),
        ]


def a_table(qtbot: QtBot, source: Counting) -> kit.Table:
    columns = [kit.Column(head="Folio", width=160), kit.Column(head="Estado")]
    table = kit.Table("Registros", columns)
    qtbot.addWidget(table)
    table.resize(500, 400)
    table.set_source(source)
    table.show()
    settle()
    return table


def test_a_table_of_a_hundred_thousand_rows_asks_only_for_those_in_sight(qtbot: QtBot) -> None:
    source = Counting()
    began = time.perf_counter()
    table = a_table(qtbot, source)
    table.grab()
    table.choose(99_999)
    table.grab()
    settle()
    assert len(source.asked) < 60
    assert 99_999 in source.asked
    assert time.perf_counter() - began < 2


def test_a_table_chooses_by_arrows_and_opens_by_enter_and_double_click(qtbot: QtBot) -> None:
    table = a_table(qtbot, Counting(5))
    chosen: list[int] = []
    opened: list[int] = []
    table.chosen.connect(chosen.append)
    table.opened.connect(opened.append)
    table.choose(0)
    qtbot.keyClick(table, KEY.Key_Down)
    qtbot.keyClick(table, KEY.Key_Return)
    middle = table.visualRect(table.model().index(3, 0)).center()
    button = Qt.MouseButton.LeftButton
    qtbot.mouseClick(table.viewport(), button, pos=middle)
    qtbot.mouseDClick(table.viewport(), button, pos=middle)
    assert chosen[-2:] == [1, 3]
    assert opened == [1, 3]


def test_a_refresh_shows_new_words_and_keeps_the_chosen_row(qtbot: QtBot) -> None:
    source = Counting(5)
    table = a_table(qtbot, source)
    table.choose(3)
    source.asked.clear()
    table.refresh()
    table.grab()
    assert source.asked
    assert table.current() == 3
    source.rows = 2
    table.refresh()
    assert table.current() == 1
    source.rows = 0
    table.refresh()
    assert table.current() == -1


def test_a_tables_rows_are_told_to_who_cannot_see_them(qtbot: QtBot) -> None:
    table = a_table(qtbot, Counting(2))
    index = table.model().index(1, 0)
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == "F-1 Persona"


def hands(qtbot: QtBot) -> tuple[kit.Hands, list[int]]:
    made = kit.Hands()
    qtbot.addWidget(made)
    made.resize(700, 340)
    made.show()
    heard: list[int] = []
    made.chosen.connect(heard.append)
    return made, heard


def test_arrows_go_through_the_fingers_as_they_lie_on_the_screen(qtbot: QtBot) -> None:
    made, heard = hands(qtbot)
    made.set_now(7)
    for key in (KEY.Key_Right, KEY.Key_Right, KEY.Key_Right, KEY.Key_Left):
        qtbot.keyClick(made, key)
    assert heard == [6, 1, 2, 1]
    made.set_now(5)
    qtbot.keyClick(made, KEY.Key_Right)
    assert made.now() == 10


def test_the_first_arrow_starts_at_a_thumb(qtbot: QtBot) -> None:
    made, heard = hands(qtbot)
    qtbot.keyClick(made, KEY.Key_Right)
    made.set_now(None)
    qtbot.keyClick(made, KEY.Key_Left)
    assert heard == [1, 6]


@pytest.mark.parametrize("position", range(1, 11))
def test_a_click_on_a_fingertip_chooses_that_finger(qtbot: QtBot, position: int) -> None:
    made, heard = hands(qtbot)
    tip = made.tips()[position].toPoint()
    qtbot.mouseClick(made, Qt.MouseButton.LeftButton, pos=tip)
    assert heard == [position]


def test_left_fingers_are_on_the_left_as_their_owner_sees_them(qtbot: QtBot) -> None:
    made, _ = hands(qtbot)
    across = [made.tips()[n].x() for n in (10, 9, 8, 7, 6, 1, 2, 3, 4, 5)]
    assert across == sorted(across)


def test_how_every_finger_stands_is_told_in_words(qtbot: QtBot) -> None:
    made, _ = hands(qtbot)
    made.set_fingers(
        {1: kit.Finger(state="done", words="71"), 10: kit.Finger(state="exception", words="XX")}
    )
    made.set_now(2)
    assert made.accessibleName() == "Manos; dedo actual: índice derecho"
    assert "pulgar derecho capturada 71" in made.accessibleDescription()
    assert "meñique izquierdo excepción XX" in made.accessibleDescription()


def coloured() -> np.ndarray:
    """Left half pure blue, right half pure red, as blue-green-red."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = (255, 0, 0)
    pixels[:, 30:] = (0, 0, 255)
    return pixels


def test_pixels_become_the_same_colours_whatever_their_width_or_stride() -> None:
    for pixels in (coloured(), coloured()[:, 3:57], coloured()[::-1]):
        image = kit.image_of(pixels)
        assert (image.width(), image.height()) == (pixels.shape[1], pixels.shape[0])
        assert image.pixelColor(1, 1) == QColor("#0000FF")
        assert image.pixelColor(image.width() - 1, 5) == QColor("#FF0000")
    grey = kit.image_of(np.full((5, 7), 90, np.uint8))
    assert grey.pixelColor(6, 4) == QColor(90, 90, 90)


def test_a_picture_does_not_change_when_its_pixels_do_later() -> None:
    pixels = coloured()
    image = kit.image_of(pixels)
    pixels[:] = 0
    assert image.pixelColor(1, 1) == QColor("#0000FF")


def middle_left(widget: QWidget) -> QColor:
    image = widget.grab().toImage()
    return image.pixelColor(image.width() // 4, image.height() // 2)


def test_the_preview_shows_the_newest_frame_of_a_camera_thread(qtbot: QtBot) -> None:
    preview = kit.Preview("Cámara")
    qtbot.addWidget(preview)
    preview.resize(300, 200)
    preview.show()
    bridge = Bridge()
    offer = bridge.newest(preview.show_frame)
    black = np.zeros((40, 60, 3), np.uint8)

    def film() -> None:
        for _ in range(50):
            offer(black)
        offer(coloured())

    thread = threading.Thread(target=film)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: middle_left(preview).blue() > 200)
    assert middle_left(preview).red() < 50
    preview.show_frame(None)
    assert middle_left(preview) == theme.colour("photo")


def test_a_frame_fitted_on_the_camera_s_thread_looks_the_same_and_fills_the_widget(
    qtbot: QtBot,
) -> None:
    preview = kit.Preview("Cámara")
    qtbot.addWidget(preview)
    preview.resize(300, 200)
    preview.show()
    large = np.ascontiguousarray(np.repeat(np.repeat(coloured(), 20, axis=0), 20, axis=1))
    fitted = preview.fitted(large)
    assert fitted.shape == (200, 300, 4)
    preview.show_frame(large)
    before = middle_left(preview)
    preview.show_frame(fitted)
    assert middle_left(preview) == before
    assert preview.fitted(coloured()) is not None
    assert preview.fitted(coloured()).shape == coloured().shape  # nothing is enlarged


def test_marks_land_on_the_pixels_they_mean(qtbot: QtBot) -> None:
    picture = kit.Picture("Página", cover=False)
    qtbot.addWidget(picture)
    picture.resize(240, 240)
    picture.show_pixels(coloured())
    places: list[kit.Place] = []
    picture.marks.append(lambda p, place: places.append(place))
    picture.grab()
    assert places[0].scale == pytest.approx(4)
    assert places[0].at(0, 0) == QPointF(0, 40)
    assert places[0].at(60, 40) == QPointF(240, 200)


def test_an_order_over_the_preview_is_told_too(qtbot: QtBot) -> None:
    preview = kit.Preview("Cámara", guide=True)
    qtbot.addWidget(preview)
    preview.instruct("Gire hacia la ventana", "warn")
    assert preview.accessibleDescription() == "Gire hacia la ventana"
    assert not preview.grab().isNull()


def test_the_head_and_the_order_never_share_a_place(qtbot: QtBot) -> None:
    preview = kit.Preview("Cámara", guide=True)
    qtbot.addWidget(preview)
    for high in (320, 378, 544):
        preview.resize(700, high)
        oval = kit.guide_oval(preview.rect().toRectF())
        assert oval.bottom() <= high - theme.px(46) - theme.px(26)


def test_a_qr_code_holds_the_words_and_its_quiet_zone() -> None:
    image = kit.qr_image("MM-07B-20261123-0018-4")
    edge = {image.pixelColor(x, 3).value() for x in range(image.width())}
    assert edge == {255}
    assert image.pixelColor(4, 4).value() == 0


def test_a_slip_is_as_high_as_its_lines_and_reads_them_aloud(qtbot: QtBot) -> None:
    slip = kit.SlipView()
    qtbot.addWidget(slip)
    slip.show_lines([SlipLine(text="Turno", right="A-043")])
    short = slip.height()
    slip.show_lines([SlipLine(text="Turno", right="A-043"), SlipLine(text="folio", qr=True)])
    assert slip.height() >= short + theme.px(180)
    assert slip.accessibleDescription() == "Turno A-043"


def test_a_slip_is_white_paper_in_the_dark_too(qtbot: QtBot) -> None:
    theme.use("dark", 1.0, motion=False)
    slip = kit.SlipView()
    qtbot.addWidget(slip)
    slip.show_lines([SlipLine(text="Turno")])
    assert slip.grab().toImage().pixelColor(8, 8) == QColor("#FFFFFF")


def test_the_mrz_doubts_are_boxed_and_counted(qtbot: QtBot) -> None:
    view = kit.MrzView()
    qtbot.addWidget(view)
    view.resize(1000, view.height())
    lines = [
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    ]
    view.show_lines(lines)
    plain: QImage = view.grab().toImage()
    assert view.accessibleName().endswith("sin dudas")
    view.show_lines(lines, {(0, 5): "E o F"})
    assert view.accessibleName().endswith("1 por confirmar")
    assert view.grab().toImage() != plain
    assert view.accessibleDescription() == " / ".join(lines)


def test_a_meter_says_value_and_threshold_and_when_nothing_was_measured() -> None:
    meter = kit.Meter("Calidad NFIQ 2", limit=40)
    assert meter.accessibleName() == "Calidad NFIQ 2: sin medir, umbral 40"
    meter.set_value(54)
    assert meter.accessibleName() == "Calidad NFIQ 2: 54, umbral 40"


def test_progress_is_told_in_percent_and_never_leaves_its_bar() -> None:
    bar = kit.Progress("Enviado")
    bar.set_value(1.7)
    assert bar.accessibleName() == "Enviado: 100%"


class GlassDirty(Trouble):
    code = "FPR-07"
    what = "El vidrio está sucio."
    advice = "Límpielo con un paño seco."


def test_a_trouble_is_said_in_place_with_what_to_do_and_its_code(qtbot: QtBot) -> None:
    banner = kit.TroubleBanner()
    qtbot.addWidget(banner)
    assert banner.isHidden()
    banner.show_trouble(GlassDirty("serial 0417"))
    said = banner.accessibleName()
    assert not banner.isHidden()
    for words in ("El vidrio está sucio", "Límpielo", "Nada se perdió", "FPR-07"):
        assert words in said
    assert "0417" not in said  # the detail is for the technician's log
    banner.settle()
    assert banner.isHidden()


def test_a_button_not_available_says_why_and_does_not_fire(qtbot: QtBot) -> None:
    fired: list[str] = []
    button = kit.Button("Capturar", on=lambda: fired.append("fired"))
    qtbot.addWidget(button)
    button.refused.connect(fired.append)
    button.set_available(False, "El huellero no responde.")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    button.set_available(True)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert fired == ["El huellero no responde.", "fired"]


def test_a_misspelt_icon_is_refused_before_it_is_painted() -> None:
    with pytest.raises(ValueError, match="no icon"):
        kit.Button("Copiar", icon="usb")
    with pytest.raises(ValueError, match="no icon"):
        kit.Cell(words="x", icon="nope")


def test_every_page_of_the_day_and_step_has_both_its_icons() -> None:
    from tests.ui.gallery import NAV, STEPS

    for item in [*NAV, *STEPS]:
        assert icons.known(item.icon)
        assert icons.known(f"{item.icon}-fill")


def test_a_signature_is_black_on_white_and_fits_whatever_its_size(qtbot: QtBot) -> None:
    pad = kit.SignaturePad()
    qtbot.addWidget(pad)
    pad.resize(300, 120)
    pad.show()
    heard: list[bool] = []
    pad.changed.connect(heard.append)
    left = Qt.MouseButton.LeftButton
    assert pad.empty
    assert pad.pixels().min() == 255
    qtbot.mousePress(pad, left, pos=pad.rect().center())
    qtbot.mouseMove(pad, pad.rect().bottomRight())
    qtbot.mouseRelease(pad, left)
    ink = pad.pixels(width=400, height=160)
    assert ink.shape == (160, 400)
    assert ink.min() < 60
    assert ink[:4].min() == 255
    pad.clear()
    assert (pad.empty, heard) == (True, [True, False])


def test_letters_for_reading_over_go_to_the_next_line_by_whole_words(qtbot: QtBot) -> None:
    boxes = kit.LetterBoxes("MARISELA ANDREÍNA DE LOS ÁNGELES")
    qtbot.addWidget(boxes)
    narrow = boxes.minimumSizeHint().width()
    places = boxes._places(narrow)
    lines = ["".join(c for _, line, c in places if line == n) for n in range(5)]
    assert lines == ["MARISELA", "ANDREÍNA", "DELOS", "ÁNGELES", ""]
    assert boxes.heightForWidth(narrow) > 3 * boxes.sizeHint().height()
    assert max(x for x, _, _ in places) + boxes.sizeHint().height() * 0.8 <= narrow
    boxes.resize(narrow, boxes.heightForWidth(narrow))
    assert boxes.grab().toImage().pixelColor(8, 8) == theme.colour("surface")
