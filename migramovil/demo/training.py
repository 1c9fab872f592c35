"""The training station: played devices, invented people, a headquarters of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from migramovil.core.roles import Role
from migramovil.demo.local import LocalHeadquarters

if TYPE_CHECKING:
    from migramovil import app
    from migramovil.services.desk import Desk

SUPERVISOR = "chuamani"
OFFICER = "rquispe"
PASSPHRASE = "mesa clara en Puno"  # noqa: S105 - the training passphrase, told to everyone
NAME = "Módulo 2"
PLACE = "Aula móvil"


def open_station(
    folder: Path,
    *,
    reader: str = "uru4500",
    printer: str = "escpos",
    document_camera: bool = False,
    gnss: bool = False,
) -> int:
    """Open the station in training mode; the first time it is enrolled by itself.

    `reader` and `printer` as in `ReaderKind` and `PrinterKind` of the played station.
    """
    headquarters = LocalHeadquarters(folder / "headquarters")
    headquarters.launch()
    # The rest of the house is read while headquarters starts.
    from migramovil import app, opening  # noqa: PLC0415
    from migramovil.demo import trainer  # noqa: PLC0415
    from migramovil.devices.sim import people  # noqa: PLC0415
    from migramovil.devices.sim.panel import Panel  # noqa: PLC0415
    from migramovil.devices.sim.station import (  # noqa: PLC0415
        Played,
        PrinterKind,
        ReaderKind,
        SimulatedStation,
    )

    seed = os.getpid()
    sim = SimulatedStation(
        people.population(seed),
        played=Played(
            reader=ReaderKind(reader),
            printer=PrinterKind(printer),
            document_camera=document_camera,
            gnss=gnss,
        ),
    )
    try:
        host, port = headquarters.where()
        headquarters.start_opener()
        station = app.build(
            folder / "station", training=True, sim=sim, url=f"https://{host}:{port}"
        )
        enrol(station, headquarters, f"https://{host}:{port}")
        for role, info in sim.given_roles.items():
            station.bench.assign(role, info)
        station.desk.place.hint = f"{OFFICER} · {PASSPHRASE} · {trainer.KEY} abre el panel"
        station.desk.enrolling.on_chair = sim.next_person
        panel = Panel(sim, people.population(seed))
        return opening.run(station, lambda *at: trainer.at_hand(station, panel, folder, *at))
    finally:
        headquarters.stop()


def enrol(station: app.Station, headquarters: LocalHeadquarters, url: str) -> None:
    """Make the training station known to its headquarters and give it its two people."""
    accounts = station.desk.accounts
    if accounts.enrolled:
        return
    code = headquarters.code_for(NAME, PLACE)
    accounts.enroll(url, code, NAME, SUPERVISOR, PASSPHRASE).result()
    take_on_officer(station.desk)


def take_on_officer(desk: Desk) -> None:
    """The supervisor comes in, gives the officer a key, and locks."""
    desk.accounts.log_in(SUPERVISOR, PASSPHRASE).result()
    desk.people.add(OFFICER, PASSPHRASE, Role.OFFICER).result()
    desk.accounts.lock()
