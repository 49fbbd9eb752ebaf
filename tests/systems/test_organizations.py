"""Accounts and their organisations in the product database: exact matching, the role in the upstream organisation."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.sandbox import product as sandbox_product
from casework.sandbox.world import World
from casework.systems.errors import NotFound
from casework.systems.product import Account, ProductDatabase

OTHERS = (
    ("user-301", "a_c@vellumgate-3c4d.example"),
    ("user-302", "abc@vellumgate-3c4d.example"),
    ("user-303", "o'brien@vellumgate-3c4d.example"),
    ("user-304", "k%@vellumgate-3c4d.example"),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    world = World(lambda: datetime(2026, 3, 2, tzinfo=UTC))
    world.seed()
    file = sandbox_product.create(tmp_path_factory.mktemp("organizations") / "product.db", world)
    with closing(sqlite3.connect(file)) as database, database:
        database.executemany("INSERT INTO users (id, email, organization_id) VALUES (?, ?, 'org-501')", OTHERS)
    yield file
    world.close()


@pytest.fixture(scope="module")
def product(path: Path) -> ProductDatabase:
    return ProductDatabase(f"sqlite:///{path}")


ADDRESS = "ottilie.vellumgate-roe@vellumgate-3c4d.example"


def users(product: ProductDatabase, address: str) -> list[str]:
    """Whose accounts an address finds."""
    return [account.user_id for account in product.accounts(address)]


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS.upper(), f" {ADDRESS}\n"])
def test_the_account_of_an_address(product: ProductDatabase, address: str) -> None:
    """An address finds its own account, ASCII case and blanks aside: not the one whose address has this one in it."""
    assert product.accounts(address) == [
        Account(
            user_id="user-201",
            organization_id="org-501",
            organization_type="financier",
            upstream_id="org-501",
            role="admin",
            subscription="pro",
            documents=3,
        )
    ]


def test_the_role_is_that_in_the_upstream_organisation(product: ProductDatabase) -> None:
    """A dealer's admin has no role upstream; a dealer's user who is manager upstream has that one."""
    (dealer,) = product.accounts("gregor.quillhaven-rusk@quillhaven-6b1c.example")
    assert (dealer.organization_id, dealer.upstream_id, dealer.role) == ("org-505", "org-501", None)
    (manager,) = product.accounts("hadrian.quillhaven-sato@quillhaven-6b1c.example")
    assert (manager.organization_id, manager.upstream_id, manager.role) == ("org-505", "org-501", "manager")
    assert manager.subscription == "pro", "the upstream organisation's"


@pytest.mark.parametrize(
    "address",
    [
        "%",
        "%@vellumgate-3c4d.example",
        "_ttilie.vellumgate-roe@vellumgate-3c4d.example",
        "ottilie%",
        "tilie.vellumgate-roe@vellumgate-3c4d.example",
        "ottilie.vellumgate-roe@vellumgate-3c4d.exampl",
        "ottilie.vellumgate-roe",
        "\u043ettilie.vellumgate-roe@vellumgate-3c4d.example",  # Cyrillic o
        "ottilie.vellumgate-roe\u200b@vellumgate-3c4d.example",  # zero-width space
        "' OR '1'='1",
        f"{ADDRESS}' OR 'a' LIKE '%",
        f"{ADDRESS}'; DROP TABLE users; --",
        "",
    ],
)
def test_nobody_matches_by_pattern_part_or_likeness(product: ProductDatabase, address: str) -> None:
    """Wildcards, parts, look-alike letters and quotes find nobody; the tables are still there."""
    assert product.accounts(address) == []
    assert users(product, ADDRESS) == ["user-201"]


@pytest.mark.parametrize(("user", "address"), OTHERS)
def test_wildcards_and_quotes_in_real_addresses_are_letters(product: ProductDatabase, user: str, address: str) -> None:
    """An address that holds `_`, `%` or `'` finds its own user alone."""
    assert users(product, address) == [user]


@settings(deadline=None)
@given(st.text(alphabet="abcotile.%_'@-\\\"; ", max_size=30))
def test_no_text_finds_anybody_but_their_own(product: ProductDatabase, text: str) -> None:
    """Any text finds nobody, and breaks nothing, unless it is a known address."""
    known = {address for _, address in OTHERS}
    assert users(product, text) == [] or text.strip().lower() in known


def test_a_user_without_an_organisation_has_no_account(product: ProductDatabase, path: Path) -> None:
    """A user who belongs to no organisation is nobody here, whatever teams they are in."""
    with closing(sqlite3.connect(path)) as database:
        ((address,),) = database.execute("SELECT email FROM users WHERE id = 'user-88'").fetchall()
    assert product.accounts(address) == []


def test_names_of_organisations(product: ProductDatabase) -> None:
    """An organisation's name is read by its id alone."""
    assert product.organization_name("org-502") == "Copperlark Leasing"
    with pytest.raises(NotFound):
        product.organization_name("org-5%")
