"""The operators' page: what it shows, and whom it lets in; by its answers, and in a browser."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import uvicorn
from litestar import Litestar
from litestar.testing import TestClient

from migramovil.core import canonical, holdings
from migramovil.core.holdings import HeldCompartment, Holdings
from migramovil.core.letters import write
from migramovil.headquarters import charts, hosting, opener, operators, vouching, watching, web
from migramovil.headquarters.http import Pace
from migramovil.headquarters.markup import el, page, table
from migramovil.headquarters.reasons import in_words
from migramovil.headquarters.store import PACKETS, REJECTIONS, Rejection, Store
from migramovil.headquarters.views import Views, Visitor
from migramovil.headquarters.web import COOKIE, Door, Sessions
from tests.headquarters.rig import Place, Station

NAME, PASSPHRASE = "rosa", "tres gatos en el techo"
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class House:
    place: Place
    store: Store
    here: str  # the short code of the station that has something of everything


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = Place(tmp_path_factory.mktemp("hq") / "data").init()
    with place.books() as store:
        operators.add(store, NAME, PASSPHRASE, "2026", memory_kib=64)
    with place.serving():
        station = Station(place).enroll()
        assert station.body is not None
        fill(place, station)
        Station(place).enroll()
        place.code()  # one that nobody used yet
    with place.books() as store:
        yield House(place, store, station.body.code)


def fill(place: Place, station: Station) -> None:
    """Five records: two numbers missing between them, one refused, one not opened yet; and what
    the station says it holds."""
    client = station.client()
    for at in range(4):
        station.seq += 2 if at == 2 else 0
        change: dict[str, Any] = {"approvals": lambda _who, _act: []} if at == 1 else {}
        client.send(*station.packet(photo=b"x", **change), lambda _: None)
    place.judge()
    client.send(*station.packet(photo=b"x"), lambda _: None)
    told = Holdings(
        epoch=1,
        finished=9,
        waiting=2,
        drafts=3,
        oldest_draft="2026-11-20T10:00:00+00:00",
        compartments=(
            HeldCompartment(
                jornada="2026-11-23",
                purpose="Reimprimir <b>la constancia</b>",
                ends="2026-11-24T10:00:00+00:00",
                things=4,
            ),
        ),
    )
    client.letter(
        write(
            station.signer,
            realm=place.realm,
            station=station.id,
            letter="h1",
            kind=holdings.KIND,
            utc="2026-11-23T00:00:00+00:00",
            clear=canonical.encode(told),
        )
    )
    client.hang_up()


def built(house: House, **more: Any) -> Litestar:
    free = Pace(1e9, 1e9)
    settings = {"secure": False, "door": Door(house.store, by_name=free, by_address=free), **more}
    return web.build_app(house.store, house.place.data, house.place.descriptor, **settings)


def opened(house: House, **more: Any) -> TestClient[Any]:
    return TestClient(built(house, **more), base_url="http://127.0.0.1")


@pytest.fixture
def client(house: House) -> Iterator[TestClient[Any]]:
    with opened(house) as made:
        made.follow_redirects = False
        yield made


def form_word(html: str) -> str:
    found = re.search(r'name="form" value="([^"]+)"', html)
    assert found is not None
    return found.group(1)


def enter(client: TestClient[Any], name: str = NAME, passphrase: str = PASSPHRASE) -> Any:
    word = form_word(client.get("/login").text)
    said = {"form": word, "name": name, "passphrase": passphrase}
    return client.post("/login", data=said, follow_redirects=False)


# --- who is let in ----------------------------------------------------------------------------
def test_nobody_sees_anything_before_the_door(client: TestClient[Any]) -> None:
    for path in ("/", "/acuses", "/rechazos", "/estaciones/01A"):
        answer = client.get(path, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login"), path
        assert answer.content == b""


def test_an_operator_enters_with_the_passphrase_and_leaves(client: TestClient[Any]) -> None:
    before = client.get("/login").cookies[COOKIE]
    assert enter(client).status_code == 303
    assert client.cookies[COOKIE] != before  # nobody keeps a cookie from before the door
    inside = client.get("/")
    assert "Resumen" in inside.text
    assert client.post("/logout", data={"form": "guess"}, follow_redirects=False)
    assert client.get("/").status_code == 200  # another site's form throws nobody out
    client.post("/logout", data={"form": form_word(inside.text)}, follow_redirects=False)
    assert client.get("/", follow_redirects=False).status_code == 303


@pytest.mark.parametrize(
    ("name", "passphrase"), [(NAME, "otra frase larga"), ("nadie", PASSPHRASE), ("", "")]
)
def test_a_wrong_name_or_passphrase_is_told_the_same(
    client: TestClient[Any], name: str, passphrase: str
) -> None:
    answer = enter(client, name, passphrase)
    assert answer.status_code == 403
    assert "HQ-11" in answer.text
    assert client.get("/", follow_redirects=False).status_code == 303


def test_guessing_is_slow(house: House) -> None:
    now = [0.0]
    with opened(
        house, door=Door(house.store, by_name=Pace(1 / 60, 5, clock=lambda: now[0]))
    ) as client:
        said = [enter(client, NAME, f"guess number {at}").text for at in range(6)]
        assert ["HQ-37" in one for one in said] == [False] * 5 + [True]
        assert enter(client).status_code == 403  # not even the right one, for a while
        now[0] = 61.0
        assert enter(client).status_code == 303


def test_a_form_from_elsewhere_opens_nothing(client: TestClient[Any]) -> None:
    said = {"name": NAME, "passphrase": PASSPHRASE}
    for word in ({}, {"form": ""}, {"form": "x" * 43}, {"form": "é"}):
        answer = client.post("/login", data={**said, **word}, follow_redirects=False)
        assert answer.status_code == 403, word
    other = form_word(TestClient(client.app).get("/login").text)  # true, but of another session
    assert client.post("/login", data={**said, "form": other}).status_code == 403


def test_the_cookie_stays_with_the_browser_and_the_page_runs_no_script(house: House) -> None:
    with opened(house, secure=True) as client:
        answer = client.get("/login")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" in cookie
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "script" not in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_a_session_ends_by_itself(house: House) -> None:
    now = [0.0]
    held = Sessions(clock=lambda: now[0])
    cookie, _ = held.begin(NAME)
    now[0] = web.IDLE_S - 1
    assert held.find(cookie) is not None
    now[0] += web.IDLE_S + 1
    assert held.find(cookie) is None
    now[0], end = 0.0, web.WHOLE_S
    cookie, _ = held.begin(NAME)
    while now[0] < end - 60:
        assert held.find(cookie) is not None
        now[0] += 60
    now[0] += 120
    assert held.find(cookie) is None


def test_those_at_the_door_push_nobody_out_who_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST_SESSIONS", 10)
    held = Sessions()
    inside, _ = held.begin(NAME)
    for _ in range(50):
        held.begin()
    assert held.find(inside) is not None
    assert len(held._held) <= 10


def test_others_could_listen_only_over_tls(house: House) -> None:
    made = built(house)
    with pytest.raises(hosting.NeedsTls):
        hosting.host(made, address="0.0.0.0", port=0)  # noqa: S104


# --- what it shows -----------------------------------------------------------------------------
def test_the_summary_counts_what_the_books_say(house: House, client: TestClient[Any]) -> None:
    enter(client)
    told = re.sub(r"<[^>]+>", " ", client.get("/").text)
    for words in (
        r"Recibidos hoy\s+5",
        r"Por abrir\s+1",
        r"Rechazados\s+1",
        r"Números que faltan\s+2",
        r"Por entregar\s+3",
        r"Certificado TLS del receptor",
        r"Código de alta de 03A",
    ):
        assert re.search(words, told), words


def test_a_station_shows_its_gaps_and_what_it_held(house: House, client: TestClient[Any]) -> None:
    enter(client)
    html = client.get(f"/estaciones/{house.here}").text
    told = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    assert "1 3 4 2" in told  # epoch, from, to, how many
    assert "Sellados que no llegaron 4" in told  # two in between, and 8 and 9
    assert "Borradores abiertos 3" in told
    assert "&lt;b&gt;la constancia&lt;/b&gt;" in html  # text stays text
    assert client.get("/estaciones/99Z").status_code == 404


def test_receipts_and_refusals_are_listed_with_their_reasons(client: TestClient[Any]) -> None:
    enter(client)
    assert "Confirmado" in client.get("/acuses").text
    refused = client.get("/rechazos").text
    assert "Falta la firma de quien terminó, o son varias (HQ-05)" in refused
    assert "hq discard" in refused


def test_days_are_limas_days(house: House) -> None:
    with house.store.read() as connection:
        record = connection.execute(sa.select(PACKETS.c.record).limit(1)).scalar_one()
    day = datetime(2026, 3, 10, tzinfo=UTC).date()
    assert sum(n for _, n in watching.by_day(house.store, day)) == 0
    chosen = PACKETS.c.record == record
    with house.store.write() as connection:
        was = connection.execute(sa.select(PACKETS.c.received).where(chosen)).scalar_one()
        late = "2026-03-10T04:30:00+00:00"  # half past eleven of the ninth in Lima
        connection.execute(sa.update(PACKETS).where(chosen).values(received=late))
    found = dict(watching.by_day(house.store, day))
    with house.store.write() as connection:
        connection.execute(sa.update(PACKETS).where(chosen).values(received=was))
    assert (found["09/03"], found["10/03"]) == (1, 0)


def test_what_expires_soon_is_said(house: House) -> None:
    later = NOW + timedelta(days=825 - 25)
    with opened(house, clock=lambda: later) as client:
        enter(client)
        told = client.get("/").text
    assert re.search(r"badge warn.{0,60}Quedan 2\d días", told)
    assert re.search(r"badge bad.{0,60}Vencido", told)  # the code nobody used
    assert re.search(r"badge warn.{0,60}Callada", told)


def test_what_asks_for_somebody_comes_first_and_the_worst_of_it_before_all(house: House) -> None:
    with opened(house, clock=lambda: NOW + timedelta(days=4, minutes=10)) as client:
        enter(client)
        page = re.sub(r"<[^>]+>", " ", client.get("/").text)
    told = page[page.index("Pide atención") : page.index("Estaciones")]
    for words in (
        rf"{house.here}\s+no habla desde el .+ Por enviar según su aviso: 2\.",
        r"Esperan la decisión de dos personas: 1\.",
        rf"En la secuencia de:\s+{house.here}\s+\(2\)",
        r"espera hace [34] días: ¿está en marcha\s+hq opener",
        r"Vencido\s+Código de alta de 03A",
    ):
        assert re.search(words, told), words
    assert told.index("Vencido") < told.index("Callada")


def test_where_nothing_waits_it_says_so(tmp_path: Path) -> None:
    place = Place(tmp_path / "data").init()
    with place.books() as store:
        quiet = Views(store, place.data, place.descriptor, lambda: NOW)
        told = quiet.summary(Visitor(operator=NAME, form="word"))
    assert "Nada espera a nadie" in told


def test_what_lied_is_named_for_a_week(house: House) -> None:
    lie = Rejection(
        utc=NOW.isoformat(), station="s", record="r", carrier="c", reason="object at 4196"
    )
    with house.store.write() as connection:
        made = connection.execute(sa.insert(REJECTIONS).values(asdict(lie))).inserted_primary_key
    try:
        for days, said in ((6, True), (8, False)):
            with opened(house, clock=lambda days=days: NOW + timedelta(days=days)) as client:
                enter(client)
                assert ("No eran ciertos" in client.get("/").text) is said
                assert "Un objeto no es el de su cabecera" in client.get("/rechazos").text
    finally:
        with house.store.write() as connection:
            assert made is not None
            connection.execute(sa.delete(REJECTIONS).where(REJECTIONS.c.id == made[0]))


def test_no_refusal_is_left_in_the_programmers_words() -> None:
    sources = [Path(module.__file__ or "") for module in (opener, vouching)]
    found = {
        detail
        for path in sources
        for detail in re.findall(r'Unacceptable\("([^"]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert len(found) > 15
    for detail in found:
        assert detail not in in_words(f"HQ-05 {detail}"), detail
        assert "(HQ-05)" in in_words(f"HQ-05 {detail}")
    assert "PKT-01" in in_words("PKT-01 object at 77")
    assert in_words("se revisa") == "se revisa"  # an operator's own


# --- how it is made ------------------------------------------------------------------------------
def test_text_is_never_markup() -> None:
    evil = '"><script>alert(1)</script>'
    for made in (
        str(el("p", evil)),
        str(el("a", "x", href=evil)),
        page(evil),
        str(table(evil, [evil], [[evil]])),
        str(charts.columns(evil, [(evil, 1)])),
        str(charts.rows(evil, [(evil, 1)])),
    ):
        assert "<script>" not in made
        assert "alert" in made


def test_plots_say_in_words_what_they_show() -> None:
    drawn = str(charts.columns("Por día", [("01/01", 3), ("02/01", 0)]))
    assert 'aria-label="Por día. 01/01: 3; 02/01: 0."' in drawn
    assert drawn.count("<rect") == 2
    assert str(charts.rows("Por lugar", []))


# --- in a browser -----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def address(house: House) -> Iterator[str]:
    up, url, own = threading.Event(), list[str](), list[uvicorn.Server]()
    made = built(house)

    def listening(at: str) -> None:
        url.append(at)
        up.set()

    serving = threading.Thread(
        target=hosting.host,
        args=(made,),
        kwargs={"address": "127.0.0.1", "port": 0, "listening": listening, "own": own.append},
    )
    serving.start()
    assert up.wait(10)
    yield url[0]
    own[0].should_exit = True
    serving.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no Chromium here")
    with driver.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(params=["light", "dark"])
def tab(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    made = browser.new_context(
        viewport={"width": 1366, "height": 768},
        color_scheme=request.param,
        java_script_enabled=True,
    )
    opened = made.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda problem: said.append(str(problem)))
    yield opened
    made.close()
    assert said == []  # nothing the browser had to complain about, its security rules included


def sign_in(tab: Any, address: str) -> None:
    tab.goto(f"{address}/")
    tab.keyboard.press("Tab")
    tab.keyboard.type(NAME)
    tab.keyboard.press("Tab")
    tab.keyboard.type(PASSPHRASE)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("h1:has-text('Resumen')")


def test_the_keyboard_alone_leads_everywhere(tab: Any, address: str, house: House) -> None:
    sign_in(tab, address)
    for name, title in (("Acuses", "Acuses"), ("Rechazos", "Rechazos"), ("Resumen", "Resumen")):
        reach(tab, name)
        tab.keyboard.press("Enter")
        tab.wait_for_selector(f"h1:has-text('{title}')")
    reach(tab, house.here)
    tab.keyboard.press("Enter")
    tab.wait_for_selector("h1:has-text('Estación')")
    reach(tab, "Salir")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("h1:has-text('Ingreso')")


def reach(tab: Any, words: str) -> None:
    for _ in range(40):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.textContent") == words:
            return
    raise AssertionError(f"Tab never reaches «{words}»")


def test_every_page_passes_the_accessibility_rules(tab: Any, address: str, house: House) -> None:
    kit = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    axe = kit.Axe()

    def broken() -> list[str]:
        found = axe.run(tab).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found]

    tab.goto(f"{address}/login")
    assert broken() == []
    sign_in(tab, address)
    for width in (1366, 683):
        tab.set_viewport_size({"width": width, "height": 768})
        for path in ("/", f"/estaciones/{house.here}", "/acuses", "/rechazos"):
            tab.goto(f"{address}{path}")
            assert broken() == [], (path, width)


def test_nothing_is_cut_off_on_a_small_or_a_wide_screen(
    tab: Any, address: str, house: House, tmp_path: Path
) -> None:
    sign_in(tab, address)
    for width in (400, 1366 // 2, 1366, 1920):  # half of it is the page at 200 %
        tab.set_viewport_size({"width": width, "height": 768 if width > 700 else 384})
        for path in ("/", f"/estaciones/{house.here}", "/acuses", "/rechazos"):
            tab.goto(f"{address}{path}")
            wide = tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, (path, width)
