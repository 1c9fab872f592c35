"""Every component of the kit, on pages in a frame: for the suite and for the eye.

`python -m tests.ui.gallery FOLDER` saves them in every theme and size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QApplication, QWidget

from migramovil.core.trouble import Trouble
from migramovil.devices.ports import SlipLine
from migramovil.ui import kit, theme
from migramovil.ui.frame import Applicant, Frame, NavItem, Step
from migramovil.ui.kit.page import NEXT, Hint, Page, Primary

NAV = [
    NavItem(key="jornada", name="Jornada", icon="house"),
    NavItem(key="turnos", name="Turnos", icon="users-three"),
    NavItem(key="entrega", name="Entrega", icon="identification-badge"),
    NavItem(key="revision", name="Revisión", icon="scales"),
    NavItem(key="envios", name="Envíos", icon="cloud-arrow-up"),
    NavItem(key="cierre", name="Cierre", icon="clipboard-text"),
    NavItem(key="diagnostico", name="Diagnóstico", icon="wrench"),
]
STEPS = [
    Step(name="Trámite", icon="clipboard-text", state="done"),
    Step(name="Identidad", icon="identification-card", state="done"),
    Step(name="Datos", icon="note-pencil", state="remark", note="faltan 2 datos"),
    Step(name="Fotografía", icon="camera", state="done"),
    Step(name="Huellas", icon="fingerprint", state="now", note="6 de 10"),
    Step(name="Documentos", icon="files", state="later"),
    Step(name="Aviso y firma", icon="pen-nib", state="later"),
    Step(name="Revisión", icon="magnifying-glass", state="later"),
]


class ReaderSilent(Trouble):
    code = "FPR-03"
    what = "El huellero dejó de responder."
    advice = "Mire el cable USB del huellero."


def ridges(height: int = 380, width: int = 320) -> np.ndarray:
    """A picture with lines, grey, so that something is in the frame."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    away = np.hypot(x - width / 2, (y - height * 0.45) * 0.8)
    return (127 + 90 * np.sin(away / 3.2 + x / 40)).astype(np.uint8)


def face(height: int = 480, width: int = 640) -> np.ndarray:
    """A blue-green-red picture with an oval in it."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    inside = ((x - width / 2) / 110) ** 2 + ((y - height * 0.48) / 150) ** 2 < 1
    picture = np.full((height, width, 3), (214, 207, 200), np.uint8)
    picture[inside] = (110, 150, 205)
    return picture


class Components(Page):
    help = "Aquí están los botones, los campos y los avisos."

    def __init__(self) -> None:
        super().__init__("Componentes", "La tecla a la vista; signo, palabra y color juntos")
        b = kit.Button
        buttons = kit.row(
            b("Secundario", icon="printer", key="F7"),
            b("Discreto", kind="quiet", key="Alt+9"),
            b("De riesgo", kind="danger", icon="trash", key="Supr"),
            self._unavailable(),
            None,
            gap=12,
        )
        states: list[kit.State] = ["ok", "warn", "bad", "info", "idle"]
        words = ("Correcto", "Atención", "Falla", "Dato", "Pendiente")
        rows = [
            (kit.StateRow(s, w, v), 1)
            for s, w, v in zip(states, words, ("61", "38", "FPR-07", "14", "–"), strict=True)
        ]
        badges = [kit.Badge(w, s) for s, w in zip(states, words, strict=True)]
        verdict = kit.Segmented(
            [
                kit.Segment(value="c", words="Conforme", letter="C", state="ok"),
                kit.Segment(value="o", words="Observado", letter="O", state="warn"),
                kit.Segment(value="n", words="No admitido", letter="N", state="bad"),
            ],
            "o",
            name="Evaluación",
        )
        banner = kit.Banner(
            "warn",
            "Meñique izquierdo: amputado (XX)",
            "Falta que lo apruebe otra persona.",
            button=b("Pedir ahora", key="F8", height=36),
        )
        parts: list[kit.Item] = [
            *([] if theme.large() else [kit.Card(buttons, gap=8, pad=12)]),
            kit.Card(self._fields(), gap=8, pad=12),
            kit.Card(kit.row(*rows[: 2 if theme.large() else 5], gap=8),
                     kit.row(*badges[: 3 if theme.large() else 5], None, verdict), gap=10, pad=12),
            banner,
        ]  # fmt: skip
        if not theme.large():
            parts.append(self._letters())
        self.build(*parts, None)

    def primary(self) -> Primary:
        return Primary(label="Siguiente", tail=NEXT)

    def hints(self) -> Sequence[Hint]:
        return [("Tab", "Siguiente"), ("F2", "No tiene"), ("F8", "Pedir")]

    def first_focus(self) -> QWidget:
        return self.named

    def _unavailable(self) -> kit.Button:
        button = kit.Button("No disponible")
        button.set_available(False, "Falta la huella.")
        return button

    def _letters(self) -> kit.Card:
        roles: list[theme.Role] = ["fig", "h1", "sub", "strong", "body", "cap"]
        shown = [kit.Text(f"{theme.TYPE[r][0]} Título", r) for r in roles]
        return kit.Card(
            kit.row(*shown, kit.Text("0O 1Il 5S", "sub", exact=True), None, gap=20), pad=10
        )

    def _fields(self) -> kit.Part:
        self.named = kit.TextField(capitals=True)
        self.named.set_value("MARISELA")
        right, doubt, wrong, fixed = (kit.TextField(exact=True) for _ in range(4))
        for control, value in (
            (right, "004518-27"), (doubt, "PEÑALVER"), (wrong, "9841 2076"), (fixed, "07B-3391"),
        ):  # fmt: skip
            control.set_value(value)
        fixed.setReadOnly(True)
        born = kit.DateField(lambda: date(2026, 11, 23))
        born.set_value(date(1991, 8, 19))
        where = kit.Combo(kit.options(("VEN", "VEN · Venezuela"), ("HTI", "HTI · Haití")))
        where.set_value("VEN")
        fields = [
            kit.Field("Con foco", self.named, source="pasaporte"),
            kit.Field("Correcto", right),
            kit.Field("Con duda", doubt),
            kit.Field("Con error", wrong),
            kit.Field("Solo lectura", fixed),
            kit.Field("Nacimiento", born),
            kit.Field("País", where, optional=True),
            kit.Field("Vacío", kit.TextField("Escriba aquí"), note="Como en el documento."),
        ]
        fields[1].say("ok", "No repetido")
        fields[2].say("warn", "Leído: PENALVER")
        fields[3].say("bad", "Falta 1 dígito")
        cells = [(f, n // 4, n % 4) for n, f in enumerate(fields)]
        return kit.grid(*cells, gap=(16, 10), shares=(1, 1, 1, 1))


class Fingers(Page):
    rail = "steps"
    help = "Tome cada dedo."

    def __init__(self) -> None:
        super().__init__("Huellas dactilares", "Dedo plano y quieto sobre el vidrio.")
        big = theme.large()
        self.hands = kit.Hands()
        done = {n: kit.Finger(state="done", words=q) for n, q in
                {1: "71", 6: "66", 7: "58", 8: "63", 9: "49"}.items()}  # fmt: skip
        self.hands.set_fingers({**done, 10: kit.Finger(state="exception", words="XX")})
        self.hands.set_now(2)
        live = kit.Picture("Huella en vivo", icon="fingerprint")
        live.show_pixels(ridges())
        live.marks.append(kit.corners_mark())
        meter = kit.Meter("Calidad NFIQ 2", limit=40)
        meter.set_value(54)
        capture = kit.Card(
            kit.row(
                kit.col(
                    kit.Text("Índice derecho", "h1"), kit.Text("Dedo 2 · 6 de 10", "body", "ink2"),
                    gap=2,
                ),
                None,
                *([] if big else [kit.Badge("Capturando", "now", icon="record-fill")]),
            ),
            (live, 1),
            kit.row(kit.Text("Calidad NFIQ 2", "strong"), None, kit.Text("54", "fig"),
                    kit.sign("ok", 24)),
            meter,
            *([] if big else [kit.StateRow("ok", "Área suficiente", "86 %")]),
            kit.StateRow("warn", "Algo seca", "" if big else "páselo por la frente"),
            gap=8,
        )  # fmt: skip
        legend = kit.row(
            kit.Badge("Capturada", "ok"), kit.Badge("Excepción", "warn"),
            kit.Badge("Ahora", "now", icon="fingerprint-bold"), kit.Badge("Pendiente"), None,
        )  # fmt: skip
        banner = kit.TroubleBanner(button=kit.Button("Pedir ahora", key="F8", height=36))
        banner.show_trouble(ReaderSilent())
        left = kit.col((kit.Card((self.hands, 1), legend, gap=8), 1), banner, gap=12)
        self.build(
            (kit.row((left, 1), kit.fixed(capture, 300 if big else 360), gap=16), 1),
            actions=[kit.Button("Declarar excepción", icon="hand-palm", key="F9")],
        )

    def primary(self) -> Primary:
        return Primary(label="Aceptar y seguir", tail=NEXT)

    def hints(self) -> Sequence[Hint]:
        return [("F5", "Repetir"), ("← →", "Otro dedo")]

    def first_focus(self) -> QWidget:
        return self.hands


class Queue(Page):
    def __init__(self) -> None:
        super().__init__("Envíos a sede central", "Terminados 38 = recibidos 21 + por enviar 17")
        cell = kit.Cell
        self.table = kit.Table(
            "Registros",
            [
                kit.Column(head="Folio", width=124),
                kit.Column(head="Tamaño", width=100, right=True),
                kit.Column(head="Estado", width=160),
                kit.Column(head="Avance o próximo intento"),
            ],
        )
        rows = [
            [cell(words="…-0004-9", strong=True, exact=True), cell(words="2.3 MB"),
             cell(words="Enviando", badge="now", icon="arrows-clockwise-bold"),
             cell(words="1.8 de 2.3 MB · parte 7 de 9", bar=0.78)],
            [cell(words="…-0005-6", strong=True, exact=True), cell(words="1.9 MB"),
             cell(words="Por enviar", badge="idle"),
             cell(words="En turno", second="tras otros 2", tone="ink2")],
            [cell(words="…-0003-2", strong=True, exact=True), cell(words="1.8 MB"),
             cell(words="Rechazado", badge="bad"), cell(words="Sede: catálogo vencido")],
        ]  # fmt: skip
        self.table.set_source(kit.Rows(rows * 30))
        self.table.choose(0)
        bars = kit.Bars("Por hora: 14, 17 y 7", [14, 17, 7], ["8 h", "9 h", "ahora"])
        limit = kit.Limit(value=560, words="límite 560")
        line = kit.Line(
            "Milisegundos",
            [410, 420, 405, 430, 600],
            limit=limit,
            ends=("08:10", "ahora"),
            height=96,
        )
        stack = kit.Stack("71, 22 y 2", [(71, "s1"), (22, "s2"), (2, "s3")])
        journey = kit.Journey(
            [("ok", "Sellado", "10:51:08"), ("now", "Por enviar", "sin conexión"),
             ("idle", "Recibido", "acuse de sede")]
        )  # fmt: skip
        right = kit.col(
            kit.Card(kit.Text("Por hora", "strong"), bars, pad=14, gap=6),
            kit.Card(kit.Text("Tiempo de captura", "strong"), line, pad=14, gap=6),
            kit.Card(
                stack, kit.Progress("Enviado", 0.4), kit.Figure("26.4 MB", "por enviar"), pad=14
            ),
            None,
        )
        side = kit.fixed(kit.Box(right), 300)
        upper: list[kit.Item] = [] if theme.large() else [kit.Card(journey, pad=14)]
        self.build(
            *upper, (kit.row((kit.Card((self.table, 1), pad=16), 1), side, gap=16), 1),
            actions=[kit.Badge("La cuenta cuadra", "ok")],
        )  # fmt: skip

    def primary(self) -> Primary:
        return Primary(label="Copiar a USB", icon="hard-drive-fill")

    def hints(self) -> Sequence[Hint]:
        return [("↑ ↓", "Registro"), ("Intro", "Detalle"), ("F8", "Resolver rechazo")]

    def first_focus(self) -> QWidget:
        return self.table


class Papers(Page):
    rail = "steps"

    def __init__(self) -> None:
        super().__init__("Identidad", "Compare lo escrito con el documento.")
        view = kit.MrzView()
        lines = [
            "P<VENPENALVER<NUNEZ<<MARISELA<ANDREINA<<<<<<",
            "0841276538VEN9108194F2903046<<<<<<<<<<<<<<<8",
        ]
        view.show_lines(lines, {(0, 18): "3 · ¿Z o 2? 64 %", (0, 25): "4 · ¿S o 5? 71 %"})
        mrz = kit.Card(
            view, title="Zona de lectura mecánica",
            right=kit.Badge("2 caracteres por confirmar", "warn"), gap=8,
        )  # fmt: skip
        camera = kit.Preview("Vista de la cámara", guide=True)
        camera.show_frame(face())
        camera.instruct("Gire hacia la ventana", "warn")
        slip = kit.SlipView(width=300)
        slip.show_lines(
            [
                SlipLine(text="COMPROBANTE DE ATENCIÓN", bold=True, centre=True),
                SlipLine(text="", rule=True),
                SlipLine(text="MM-07B-20261123-0018-4", size=2, centre=True),
                *([] if theme.large() else [SlipLine(text="MM-07B-20261123-0018-4", qr=True)]),
                SlipLine(text="Turno", right="A-043"),
                SlipLine(text="Sede central decide. No use intermediarios.", centre=True),
            ]
        )
        different = kit.Text("", "strong", exact=True)
        different.say_marked("MARICELA", {4})
        side = kit.Card(different, kit.Pair("Documento", "Pasaporte VEN 084127653", exact=True),
                        kit.SignaturePad(), None, pad=14)  # fmt: skip
        panels: list[kit.Item] = [(camera, 1), kit.fixed(side, 240)]
        if not theme.large():
            panels.append(slip)
        self.build(mrz, (kit.row(*panels, gap=16), 1))

    def primary(self) -> Primary:
        return Primary(label="Continuar", tail=NEXT, available=False, reason="Falta confirmar 2.")


class Broken(Page):
    rail = "steps"

    def __init__(self) -> None:
        super().__init__()
        card = kit.TroubleCard(
            ReaderSilent(),
            when="A las 10:46:12, durante la captura del medio derecho.",
            safe="Las 6 huellas y los datos están guardados y cifrados (10:46:09).",
            steps=[
                ("Mire el cable USB del huellero", "Firme en ambos lados; la luz azul enciende."),
                ("Cambie de puerto", "Use uno del equipo, no el del concentrador."),
                ("Espere tres segundos", "La estación lo reconoce sola."),
            ],
            ways=[
                kit.Button("Seguir con documentos", icon="files", key="F6"),
                *([] if theme.large() else [kit.Button("Diagnóstico", icon="wrench", key="F8")]),
            ],
            standing=[
                kit.StateRow("bad", "Huellero", "no se ve"),
                kit.StateRow("now", "Buscando", "intento 4"),
            ],
            support="MIGRAMOVIL:FPR-03:07B:20261123T104612",
        )
        self.build((card, 1), titled=False)

    def primary(self) -> Primary:
        return Primary(label="Buscar otra vez", icon="arrows-clockwise-bold")


class Unlock(Page):
    rail = "none"
    header = False
    enter_is_primary = True

    def __init__(self) -> None:
        super().__init__()
        self.secret = kit.TextField(secret=True)
        self.secret.set_value("contraseña1")
        field = kit.Field("Contraseña", self.secret)
        field.say("warn", "Bloq Mayús está activado.")
        words = kit.col(
            kit.Text("Estación bloqueada", "h1"),
            kit.Text("Bloqueada hace 12 min por inactividad", "body", "ink2", wrap=True), gap=2,
        )  # fmt: skip
        who = kit.Combo(kit.options(("1", "Rosa Quispe · oficial")))
        who.set_value("1")
        choice = kit.row(
            (kit.ChoiceCard("Es la misma persona", "Sigue su curso", key="1"), 1),
            (kit.ChoiceCard("No puedo decidir", "Sede lo mira", key="2"), 1),
        )
        form = kit.Card(
            kit.row(kit.Icon("lock-key-fill", "primary", 32), (words, 1), gap=16),
            kit.Field("¿Quién entra?", who), field, choice,
            kit.Check("El solicitante leyó el aviso"), pad=24,
        )  # fmt: skip
        empty = kit.Empty("tray", "Nadie espera.")
        self.build(None, form, *([] if theme.large() else [empty]), None, titled=False)
        self._art = kit.Landscape()
        white: Callable[[str, theme.Role], kit.Text] = lambda s, r: kit.Text(s, r, "on_head")  # noqa: E731
        self._art.setLayout(
            kit.col(
                kit.row(kit.Mark(48), kit.col(white("Migramóvil", "h1"), gap=0), None, gap=16),
                32, white("10:43", "giant"), white("Lunes 23 de noviembre de 2026", "sub"), None,
                gap=4, margins=(48, 48, 32, 32),
            )
        )  # fmt: skip

    def side(self) -> QWidget:
        return self._art

    def primary(self) -> Primary:
        return Primary(label="Desbloquear", icon="lock-key-open-bold")

    def first_focus(self) -> QWidget:
        return self.secret


PAGES: Mapping[str, type[Page]] = {
    "components": Components, "fingers": Fingers, "queue": Queue, "papers": Papers,
    "broken": Broken, "unlock": Unlock,
}  # fmt: skip


def framed(page: Page) -> Frame:
    """The page in a dressed frame of 1366 × 768."""
    frame = Frame(place="Módulo 2 · Desaguadero, Puno", training=True)
    frame.set_nav(NAV)
    frame.set_active("envios")
    frame.set_counts({"turnos": 6, "entrega": 32, "revision": 3, "envios": 14})
    frame.set_day("Jornada abierta 08:04", "Lunes 23/11/2026")
    frame.set_steps(STEPS, 5)
    portrait = kit.image_of(face())
    frame.set_applicant(
        Applicant(
            procedure="Permiso temporal de permanencia", first_surname="PEÑALVER",
            second_surname="NÚÑEZ", given="MARISELA ANDREÍNA",
            portrait=portrait,
        )
    )  # fmt: skip
    frame.set_saved("10:42:07")
    frame.set_link("Sin conexión · 14 por enviar", "warn", "wifi-slash-bold")
    frame.set_devices("6 de 6", "ok")
    frame.set_clock("10:42")
    frame.set_person("R. Quispe", "Oficial")
    frame.resize(1366, 768)
    frame.show_page(page)
    frame.show()
    frame.activateWindow()
    return frame


def main(folder: Path) -> None:
    from tests.ui.checks import grab

    app = QApplication.instance() or QApplication([])
    for name in theme.THEMES:
        for scale in (1.0, theme.LARGE):
            theme.use(name, scale, motion=False)
            for title, make in PAGES.items():
                frame = framed(make())
                grab(frame, folder / f"{title}_{name}_{scale}.png")
                frame.allow_close()
                frame.deleteLater()
                app.processEvents()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
