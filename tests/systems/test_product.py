"""The product database: exact matching, reading only, and errors that tell nothing personal."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path
from traceback import format_exception

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.product import MalformedAddress, Membership, ProductDatabase, Queries, Staff

SCHEMA = """
CREATE TABLE teams (id TEXT PRIMARY KEY, tier TEXT, agency INTEGER, status TEXT, contract_end TEXT,
    csm_id TEXT, candidates INTEGER, projects INTEGER, sequences INTEGER);
CREATE TABLE team_domains (team_id TEXT, domain TEXT);
CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, active INTEGER DEFAULT 1);
CREATE TABLE sessions (team_id TEXT, ended_at TEXT);
CREATE TABLE memberships (user_id TEXT, team_id TEXT, admin INTEGER);
CREATE TABLE staff (id TEXT PRIMARY KEY, email TEXT, slack_id TEXT, zendesk_id INTEGER, manager_id TEXT);
INSERT INTO teams VALUES ('team-104', 'mid-market', 0, 'churned', '2026-01-31', 'staff-17', 2001, 3, 4);
INSERT INTO teams VALUES ('team-105', 'platinum', 0, 'active', NULL, NULL, 0, 0, 0);
INSERT INTO team_domains VALUES ('team-104', 'Northwind.example'), ('team-104', 'nw.example');
INSERT INTO users (id, email) VALUES ('user-1', ' Ada.Marlowe@Northwind.example '), ('user-2', 'a_c@northwind.example'),
    ('user-3', 'abc@northwind.example'), ('user-4', 'o''brien@northwind.example'),
    ('user-5', 'k%@northwind.example');
INSERT INTO memberships VALUES ('user-1', 'team-104', 1), ('user-1', 'team-105', 0),
    ('user-2', 'team-104', 1), ('user-3', 'team-104', 0), ('user-4', 'team-104', 1),
    ('user-5', 'team-104', 1);
INSERT INTO staff VALUES ('staff-17', 'csm@casework.example', 'U017', 17, 'staff-2'),
    ('staff-2', NULL, NULL, NULL, NULL);
UPDATE users SET active = 0 WHERE id = 'user-2';
INSERT INTO sessions VALUES ('team-104', NULL), ('team-104', '2026-01-01'), ('team-105', NULL);
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("product") / "a folder #1 50%" / "product.sqlite"
    file.parent.mkdir()
    with sqlite3.connect(file) as connection:
        connection.executescript(SCHEMA)
    connection.close()
    return file


@pytest.fixture(scope="module")
def product(path: Path) -> ProductDatabase:
    return ProductDatabase(f"sqlite:///{path}")


@pytest.fixture
def product_url(postgres: str) -> str:
    engine = create_engine(postgres)
    with engine.begin() as connection:
        for statement in SCHEMA.split(";"):
            if statement.strip():
                connection.execute(text(statement))
        kelvin = "\u212aarl@northwind.example"  # KELVIN SIGN, which PostgreSQL's lower() turns into a plain k
        connection.execute(text("INSERT INTO users (id, email) VALUES ('user-9', :e)"), {"e": kelvin})
        connection.execute(text("INSERT INTO memberships VALUES ('user-9', 'team-104', 1)"))
    engine.dispose()
    return postgres


ADA = [
    Membership(user_id="user-1", team_id="team-104", admin=True),
    Membership(user_id="user-1", team_id="team-105", admin=False),
]


@pytest.mark.parametrize(
    "address",
    ["ada.marlowe@northwind.example", "ADA.Marlowe@NORTHWIND.example", "\tada.marlowe@northwind.example \n"],
)
def test_case_and_blanks_do_not_matter(product: ProductDatabase, address: str) -> None:
    """ASCII case and surrounding blanks are ignored on both sides."""
    assert product.memberships(address) == ADA


@pytest.mark.parametrize(
    "address",
    [
        "%",
        "%@northwind.example",
        "_bc@northwind.example",
        "a%c@northwind.example",
        "da.marlowe@northwind.example",
        "ada.marlowe@northwind.exampl",
        "ada.marlowe@mail.northwind.example",
        "ada.marlowe@northwind.example.org",
        "\u0430da.marlowe@northwind.example",  # Cyrillic a
        "ada.marlowe@n\u043erthwind.example",  # Cyrillic o
        "\uff41da.marlowe@northwind.example",  # full-width a
        "ada.marlowe\u200b@northwind.example",  # zero-width space
        "\u00a0ada.marlowe@northwind.example",  # no-break space
        "' OR '1'='1",
        "x'; DROP TABLE users; --",
        "",
        " ",
    ],
)
def test_nobody_matches_by_pattern_part_or_likeness(product: ProductDatabase, address: str) -> None:
    """Wildcards, parts, sub-domains, look-alike letters and quotes match nobody."""
    assert product.memberships(address) == []


@pytest.mark.parametrize(
    ("address", "user"),
    [
        ("a_c@northwind.example", "user-2"),
        ("abc@northwind.example", "user-3"),
        ("o'brien@northwind.example", "user-4"),
        ("K%@northwind.example", "user-5"),
    ],
)
def test_wildcards_and_quotes_in_real_addresses_are_letters(product: ProductDatabase, address: str, user: str) -> None:
    """An address that holds `_`, `%` or `'` finds its own user alone."""
    assert [found.user_id for found in product.memberships(address)] == [user]


@settings(deadline=None)
@given(address=st.text(max_size=40))
def test_no_text_matches_that_is_not_an_address_of_ours(product: ProductDatabase, address: str) -> None:
    """Any text at all finds nobody, and breaks nothing, unless it is a known address."""
    assert product.memberships(address) == []


def test_a_team_comes_with_its_domains(product: ProductDatabase) -> None:
    """The facts of a team, typed: day of the contract's end, counts, domains in lower case."""
    team = product.team("team-104")
    assert team is not None
    assert (team.tier, team.agency, team.status) == ("mid-market", False, "churned")
    assert team.contract_end == date(2026, 1, 31)
    assert (team.csm_id, team.candidates, team.projects, team.sequences) == ("staff-17", 2001, 3, 4)
    assert team.domains == ("northwind.example", "nw.example")
    assert product.team("team-1") is None


def test_values_outside_the_contract_are_refused_by_column(product: ProductDatabase) -> None:
    """An unknown tier is not guessed; the error names the column and not the value."""
    with pytest.raises(Refused, match="read team team-105: unusable values in tier") as caught:
        product.team("team-105")
    assert "platinum" not in str(caught.value)


def test_staff_are_known_by_any_of_their_ids(product: ProductDatabase) -> None:
    """One colleague, found three ways; the address is given apart and only when asked for."""
    csm = Staff(id="staff-17", slack_id="U017", zendesk_id=17, manager_id="staff-2")
    assert product.staff("staff-17") == csm
    assert product.staff_by_zendesk(17) == csm
    assert product.staff_by_slack("U017") == csm
    assert product.staff_address("staff-17") == "csm@casework.example"
    assert (product.staff_by_zendesk(18), product.staff_by_slack("u017")) == (None, None)


@pytest.mark.parametrize("staff_id", ["staff-99", "staff-2"])
def test_missing_staff_or_addresses_are_not_found(product: ProductDatabase, staff_id: str) -> None:
    """Nobody, or nobody with an address, is NotFound with the id."""
    with pytest.raises(NotFound, match=staff_id):
        product.staff_address(staff_id)
    with pytest.raises(NotFound, match="staff-99"):
        product.staff("staff-99")


WRITING = Queries(domains="DELETE FROM team_domains WHERE team_id = :id RETURNING domain")


def test_sqlite_can_only_be_read(path: Path, product: ProductDatabase) -> None:
    """Even a query that writes cannot, and the file is as it was."""
    before = path.read_bytes()
    writing = ProductDatabase(f"sqlite:///{path}", WRITING)
    with pytest.raises(SystemFault):
        writing.team("team-104")
    assert path.read_bytes() == before


def test_postgresql_can_only_be_read(product_url: str) -> None:
    """PostgreSQL's session is read-only; look-alikes that its lower() folds are still strangers."""
    product = ProductDatabase(product_url)
    assert product.memberships("Ada.Marlowe@northwind.example") == ADA
    assert product.memberships("karl@northwind.example") == []
    assert product.memberships("ada.marlowe@northwind.example\x00") == []
    assert product.memberships("\udcffada.marlowe@northwind.example") == []
    with pytest.raises(SystemFault):
        ProductDatabase(product_url, WRITING).team("team-104")
    team = product.team("team-104")
    assert team is not None
    assert len(team.domains) == 2
    assert [one.active for one in product.members("team-104")].count(False) == product.live_sessions("team-104") == 1


def test_a_missing_file_is_misconfigured_and_not_made(tmp_path: Path) -> None:
    """A wrong path is an error of the settings; no empty database appears in its place."""
    with pytest.raises(Misconfigured, match="product database"):
        ProductDatabase(f"sqlite:///{tmp_path}/absent.sqlite").team("team-104")
    assert list(tmp_path.iterdir()) == []


def test_a_busy_database_is_temporary(tmp_path: Path) -> None:
    """A locked file passes by itself; the address asked for is not told."""
    file = tmp_path / "busy.sqlite"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.executescript(SCHEMA)
    holder.execute("BEGIN EXCLUSIVE")
    product = ProductDatabase(f"sqlite:///{file}?timeout=0.05")
    address = "ada.marlowe@northwind.example"
    with pytest.raises(Temporary, match="busy") as caught:
        product.memberships(address)
    assert "marlowe" not in "".join(format_exception(caught.value))
    holder.close()


def test_an_unreachable_server_is_temporary() -> None:
    """Nothing listens: worth trying again, and the password is not told."""
    with pytest.raises(Temporary) as caught:
        ProductDatabase("postgresql+psycopg://u:pa55word@127.0.0.1:9/x").team("team-104")
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://127.0.0.1/x"])
def test_other_databases_are_misconfigured(url: str) -> None:
    """What cannot be opened read-only is refused at the start."""
    with pytest.raises(Misconfigured, match="SQLite"):
        ProductDatabase(url)


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("Ada@Northwind.Example", "northwind.example"),
        (" a@b.example ", "b.example"),
        ("a@b\u00fccher.example", "xn--bcher-kva.example"),
        ("a@xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a@n\u043erthwind.example", "xn--nrthwind-nbh.example"),
        ("a@fa\u00df.example", "xn--fa-hia.example"),
    ],
)
def test_a_domain_is_normal_and_stays_itself(address: str, domain: str) -> None:
    """Case goes, international names get their ASCII form, look-alikes stay different."""
    assert ProductDatabase.address_domain(address) == domain


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "a@",
        "@b.example",
        "a",
        "a@b@c.example",
        "a@localhost",
        "a@b..example",
        "a@.example",
        "a@b.example.",
        "a@-b.example",
        "a@b_c.example",
        "a@[127.0.0.1]",
        "a b@c.example",
        "Ada <a@b.example>",
        "a@\uff4eorthwind.example",
        "a@north\u200bwind.example",
        "a@b.example\x00",
        f"a@{'b' * 64}.example",
        f"a@{'b.' * 130}example",
    ],
)
def test_what_is_no_address_has_no_domain(address: str) -> None:
    """Malformed addresses, and domains that would be folded into another, raise without being quoted."""
    with pytest.raises(MalformedAddress) as caught:
        ProductDatabase.address_domain(address)
    assert len(address) < 3 or address not in str(caught.value)


def test_who_can_still_get_in(product: ProductDatabase) -> None:
    """All members of a team with whether they can sign in, and how many sessions are open; none of another team's."""
    members = product.members("team-104")
    assert [(one.user_id, one.admin) for one in members if not one.active] == [("user-2", True)]
    assert [one.user_id for one in members if one.active] == ["user-1", "user-3", "user-4", "user-5"]
    assert product.live_sessions("team-104") == product.live_sessions("team-105") == 1
    assert product.members("team-9") == []
    assert product.live_sessions("team-9") == 0


def test_a_user_and_a_colleague_by_address(product: ProductDatabase) -> None:
    """Addresses are read by the id, and a colleague is found by exactly theirs."""
    assert product.user_address("user-2") == "a_c@northwind.example"
    with pytest.raises(NotFound):
        product.user_address("user-99")
    assert product.staff_by_address(" CSM@casework.example") == product.staff("staff-17")
    assert product.staff_by_address("c_m@casework.example") is None
    assert product.staff_by_address("") is None
