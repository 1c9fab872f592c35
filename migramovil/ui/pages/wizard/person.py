"""Who the person is: names, birth, contact, and who answers for a minor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from migramovil.core import person
from migramovil.core.documents import DOCUMENT_LABELS
from migramovil.core.enrollment import Step
from migramovil.core.notices import LANGUAGES
from migramovil.core.places import District
from migramovil.services.desk import Desk
from migramovil.ui import kit, theme
from migramovil.ui.bridge import Bridge
from migramovil.ui.kit.page import Hint
from migramovil.ui.pages.wizard.base import (
    Remark,
    StepPage,
    choose,
    country_options,
    show_date,
    typed_date,
)

_READ = ("first_surname", "second_surname", "given_names", "birth_date", "sex", "nationality")
_WIDE = 2


class PersonPage(StepPage):
    """Four columns in two cards, and a third for whoever answers for a minor."""

    step = Step.PERSON
    help = (
        "Lo leído del documento ya está puesto. Escriba los nombres como están en la página de "
        "datos, con tildes y Ñ. F2 en segundo apellido o teléfono anota que no tiene."
    )

    def __init__(self, desk: Desk, bridge: Bridge) -> None:
        super().__init__(
            desk, bridge, "Datos personales",
            "Lo leído del documento ya está puesto; escriba solo lo que falta.",
        )  # fmt: skip
        self._lines: dict[str, kit.TextField] = {}
        self._combos: dict[str, kit.Combo] = {}
        self._districts: dict[str, District] = {}
        self._lack = kit.Badge("", "warn")
        self._first = kit.Button("Ir al primero", key="F8", on=self.point_to_missing)
        who = self._person_card()
        reach = self._contact_card()
        self._guardian = self._guardian_card()
        body = kit.col(who, reach, self._guardian, None, gap=12, margins=(0, 0, 4, 0))
        self._scroll = kit.Scroll(kit.Box(body))
        self.build((self._scroll, 1), actions=[self._lack, self._first])
        self.setTabOrder(self._combos["language"], self.interpreter)

    # ---- drawing ----------------------------------------------------------------------------
    def draw(self) -> None:
        who = self.draft.person
        self._offer_places()
        for name, line in self._lines.items():
            if "." in name:
                line.set_value(str(getattr(self.draft.guardian, name.split(".")[1])))
            else:
                line.set_value(str(getattr(who, name)))
        self._lines["second_surname"].set_lacks(who.no_second_surname)
        self._lines["phone"].set_lacks(who.no_phone)
        show_date(self.birth, who.birth_date)
        self.sex.set_value(who.sex or None)
        for name in ("nationality", "birth_country", "residence_country", "language"):
            choose(self._combos[name], str(getattr(who, name)))
        choose(self._combos["guardian.document_type"], self.draft.guardian.document_type)
        self.interpreter.setChecked(who.interpreter)
        self._draw_district(who.ubigeo)
        read = self.draft.mrz_confirmed and not theme.large()
        source = "documento" if read else ""
        for name in _READ:
            self.fields[name].set_source(source if getattr(who, name) else "")

    def judge(self) -> None:
        super().judge()
        age = self._age()
        self._guardian.setVisible(age is not None and age < person.FULL_AGE)
        lacking = len(self.missing())
        words = "Falta 1 dato" if lacking == 1 else f"Faltan {lacking} datos"
        self._lack.say(words if lacking else "Completo", "warn" if lacking else "ok")
        self._first.setVisible(lacking > 0)

    def remarks(self) -> Mapping[str, Remark]:
        age = self._age()
        if age is None:
            return {}
        stage = "menor de edad" if age < person.FULL_AGE else "mayor de edad"
        years = "1 año" if age == 1 else f"{age} años"
        return {"birth_date": ("ok", f"{years}, {stage}")}

    def hints(self) -> Sequence[Hint]:
        return [("Tab", "Siguiente"), ("F2", "No tiene"), ("↓", "Ver lista")]

    def first_focus(self) -> QWidget | None:
        lacking = self.missing()
        return (self.place_of(lacking[0].field) if lacking else None) or self._lines[
            "first_surname"
        ]

    def place_of(self, field: str) -> QWidget | None:
        if field == "ubigeo":
            parts = (self.department, self.province, self.district)
            return next((c for c in parts if c.value() is None), self.district)
        return super().place_of(field)

    def reveal(self, field: kit.Field) -> None:
        self._scroll.ensureWidgetVisible(field, 0, theme.px(24))

    def _age(self) -> int | None:
        return person.age_on(self.draft.person.birth_date, self.enrolling.rules.today)

    # ---- writing ----------------------------------------------------------------------------
    def _write(self, **fields: object) -> None:
        if not self.only_shows:
            # keys are the person's own field names; mypy cannot see them through **
            self.change(person=replace(self.draft.person, **fields))  # type: ignore[arg-type]

    def _write_guardian(self, **fields: str) -> None:
        if not self.only_shows:
            self.change(guardian=replace(self.draft.guardian, **fields))

    # ---- places -----------------------------------------------------------------------------
    def _offer_places(self) -> None:
        """Once: lists of hundreds of places are not filled again on every visit."""
        if self._districts:
            return
        self._districts = {d.ubigeo: d for d in self.enrolling.districts}
        countries = country_options(self.enrolling.countries)
        for name in ("nationality", "birth_country", "residence_country"):
            self._combos[name].set_choices(countries)
        names = sorted({d.department for d in self._districts.values()}, key=kit.fold)
        self.department.set_choices(kit.options(*((n, n) for n in names)))

    def _draw_district(self, ubigeo: str) -> None:
        here = self._districts.get(ubigeo)
        if here is None:
            self._narrow()
            return
        self.department.set_value(here.department)
        self._narrow()
        self.province.set_value(here.province)
        self._narrow()
        self.district.set_value(ubigeo)

    def _narrow(self) -> None:
        """Offer the provinces of the department and the districts of the province."""
        inside = [d for d in self._districts.values() if d.department == self.department.value()]
        provinces = sorted({d.province for d in inside}, key=kit.fold)
        self.province.set_choices(kit.options(*((n, n) for n in provinces)))
        near = [d for d in inside if d.province == self.province.value()]
        near.sort(key=lambda d: kit.fold(d.district))
        self.district.set_choices(kit.options(*((d.ubigeo, d.district) for d in near)))

    def _place_chosen(self) -> None:
        with self.drawing():
            self._narrow()
        self._write(ubigeo=self.district.value() or "")

    # ---- building ---------------------------------------------------------------------------
    def _person_card(self) -> kit.Card:
        first = self._line("first_surname", "Primer apellido", capitals=True)
        second = self._line("second_surname", "Segundo apellido", capitals=True, may_lack=True)
        given = self._line("given_names", "Nombres", capitals=True)
        self._lines["second_surname"].lacks_changed.connect(
            lambda on: self._write(no_second_surname=on, **({"second_surname": ""} if on else {}))
        )
        self.birth = kit.DateField(lambda: self.enrolling.rules.today, partial=True)
        self.birth.textEdited.connect(lambda _: self._write(birth_date=typed_date(self.birth)))
        self.sex = kit.Segmented(
            [
                kit.Segment(value="F", words="Femen." if theme.large() else "Femenino", letter="F"),
                kit.Segment(value="M", words="Masc." if theme.large() else "Masculino", letter="M"),
                kit.Segment(value="X", words="X"),
            ],
            name="Sexo",
        )
        self.sex.chosen.connect(lambda value: self._write(sex=cast(person.Sex, value)))
        birth = self._field("birth_date", "Fecha de nacimiento", self.birth)
        sex = self._field("sex", "Sexo", self.sex)
        cells = kit.grid(
            (first, 0, 0), (second, 0, 1), (given, 0, 2, _WIDE),
            (birth, 1, 0), (sex, 1, 1), (self._combo("nationality", "Nacionalidad"), 1, 2),
            (self._combo("birth_country", "País de nacimiento"), 1, 3),
            gap=(16, 6), shares=(1, 1, 1, 1),
        )  # fmt: skip
        return kit.Card(cells, title="Persona", gap=6, pad=12)

    def _contact_card(self) -> kit.Card:
        self.department, self.province, self.district = kit.Combo(), kit.Combo(), kit.Combo()
        for combo in (self.department, self.province, self.district):
            combo.chosen.connect(self.edit(self._place_chosen))
        language = self._combo("language", "Idioma de atención")
        self._combos["language"].set_choices(kit.options(*LANGUAGES.items()))
        self.interpreter = kit.Check("Con intérprete")
        self.interpreter.toggled.connect(lambda on: self._write(interpreter=on))
        self._lines_contact()
        cells = kit.grid(
            (self._combo("residence_country", "País de residencia"), 0, 0, 3),
            (kit.Field("Departamento", self.department), 0, 3, 3),
            (kit.Field("Provincia", self.province), 0, 6, 3),
            (self._field("ubigeo", "Distrito", self.district), 0, 9, 3),
            (self._address, 1, 0, 4), (self._phone, 1, 4, 2), (self._email, 1, 6, 3),
            (language, 1, 9, 3),
            gap=(16, 6), shares=(1,) * 12,
        )  # fmt: skip
        return kit.Card(cells, title="Contacto", right=self.interpreter, gap=0, pad=12)

    def _lines_contact(self) -> None:
        self._address = self._line("address", "Dirección")
        self._phone = self._line("phone", "Celular", exact=True, may_lack=True)
        self._email = self._line("email", "Correo", optional=True)
        self._lines["phone"].lacks_changed.connect(
            lambda on: self._write(no_phone=on, **({"phone": ""} if on else {}))
        )

    def _guardian_card(self) -> kit.Card:
        kinds = self._combo("guardian.document_type", "Tipo de documento")
        self._combos["guardian.document_type"].set_choices(
            [kit.Option(value=kind.value, words=words) for kind, words in DOCUMENT_LABELS.items()]
        )
        cells = kit.grid(
            (self._line("guardian.names", "Nombres y apellidos", capitals=True), 0, 0, 4),
            (kinds, 0, 4, 3),
            (self._line("guardian.document_number", "Número", exact=True), 0, 7, 2),
            (self._line("guardian.relationship", "Parentesco o cargo"), 0, 9, 3),
            gap=(16, 6), shares=(1,) * 12,
        )  # fmt: skip
        right = kit.Badge("Menor de edad", "info")
        return kit.Card(cells, title="Quién responde por el menor", right=right, gap=4, pad=12)

    def _line(
        self, name: str, label: str, *, capitals: bool = False, exact: bool = False,
        may_lack: bool = False, optional: bool = False,
    ) -> kit.Field:  # fmt: skip
        line = kit.TextField(capitals=capitals, exact=exact or capitals, may_lack=may_lack)
        self._lines[name] = line
        line.textEdited.connect(lambda _: self._write_line(name, line))
        return self._field(name, label, line, optional=optional)

    def _write_line(self, name: str, line: kit.TextField) -> None:
        if "." in name:
            self._write_guardian(**{name.split(".")[1]: line.value()})
        else:
            self._write(**{name: line.value()})

    def _combo(self, name: str, label: str) -> kit.Field:
        combo = kit.Combo()
        self._combos[name] = combo
        if "." in name:
            key = name.split(".")[1]
            combo.chosen.connect(lambda value: self._write_guardian(**{key: value or ""}))
        else:
            combo.chosen.connect(lambda value: self._write(**{name: value or ""}))
        return self._field(name, label, combo)

    def _field(
        self, name: str, label: str, control: QWidget, *, optional: bool = False
    ) -> kit.Field:
        field = kit.Field(label, control, optional=optional)
        self.watch({name: field})
        control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        return field
