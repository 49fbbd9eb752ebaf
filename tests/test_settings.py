"""The settings: precedence, provenance, masking, and what is said of a wrong one."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from casework.settings import ADDRESSES, Loaded, SettingsWrong, example, load, variable

PLANTED = "planted-secret-7d1c9e"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("CASEWORK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def given(text: str = "", **environment: str) -> Loaded:
    Path("casework.toml").write_text(text)
    os.environ.update(environment)
    try:
        return load()
    finally:
        for name in environment:
            del os.environ[name]


def origin(loaded: Loaded, name: str) -> tuple[object, str]:
    row = next(row for row in loaded.rows() if row.name == name)
    return row.value, row.origin


def test_nothing_needs_to_be_set() -> None:
    """Without a file and an environment all is default, and the database is a file in `home`."""
    loaded = load()
    assert loaded.file is None
    assert {row.origin for row in loaded.rows()} == {"default"}
    assert loaded.settings.database_url == f"sqlite:///{Path.cwd()}/.casework/casework.db"


def test_the_environment_wins_over_the_file_and_the_file_over_the_default() -> None:
    """Each setting says where its value comes from: default, the file, or the variable by name."""
    loaded = given('zone = "Europe/Berlin"\n[gateway]\nport = 8080\nhost = "0.0.0.0"', CASEWORK_GATEWAY__PORT="9090")
    assert origin(loaded, "gateway.port") == (9090, "environment CASEWORK_GATEWAY__PORT")
    assert origin(loaded, "gateway.host") == ("0.0.0.0", "casework.toml")
    assert origin(loaded, "zone") == ("Europe/Berlin", "casework.toml")
    assert origin(loaded, "lease_seconds") == (20.0, "default")


def test_the_file_is_found_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`CASEWORK_CONFIG` names the file; a file that is not there is an error, not a default."""
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text("lease_seconds = 7")
    monkeypatch.setenv("CASEWORK_CONFIG", str(elsewhere))
    assert load().settings.lease_seconds == 7
    elsewhere.unlink()
    with pytest.raises(SettingsWrong, match="no settings file"):
        load()


def test_lists_are_written_with_commas_in_the_environment() -> None:
    """A role's holders come as a TOML list or as `a,b` in a variable."""
    assert given("[roles]\noperators = ['staff-1']").settings.roles.operators == ("staff-1",)
    loaded = given("", CASEWORK_ROLES__OPERATORS="staff-1, staff-2")
    assert loaded.settings.roles.operators == ("staff-1", "staff-2")
    assert loaded.settings.roles.holders()["operators"] == ("staff-1", "staff-2")
    assert set(loaded.settings.roles.holders()) >= {"scaled-approver", "csm-manager", "engineering-lead"}


WRONG = [
    ("[gateway]\nport = 'eighty'", {}, ["gateway.port", "casework.toml", "integer", "[gateway] port = 8080"]),
    ("[gateway]\nport = 70000", {}, ["gateway.port", "65535"]),
    ("", {"CASEWORK_GATEWAY__PORT": "x"}, ["gateway.port", "CASEWORK_GATEWAY__PORT", "integer"]),
    ("[gateway]\npublic_url = 'casework.example'", {}, ["gateway.public_url", "https://"]),
    (
        "[gateway]\npublic_url = 'https://casework.example'\nsecond_public_url = 'https://casework.example/'",
        {},
        ["gateway.second_public_url", "another host than gateway.public_url", "https://casework.second.example"],
    ),
    (
        "[zendesk]\nurll = 'https://support.example'",
        {},
        ["zendesk.urll", "no such setting", "webhook_secret"],
    ),
    ("[zendsk]\nurl = 'https://support.example'", {}, ["zendsk", "no such setting", "zendesk"]),
    ("", {"CASEWORK_ZENDSK__URL": "x"}, ["CASEWORK_ZENDSK__URL", "no such setting"]),
    ("", {"CASEWORK_ZENDESK__URLL": "x"}, ["zendesk.urll", "CASEWORK_ZENDESK__URLL", "no such setting"]),
    ("", {"CASEWORK_ZENDESK": "x"}, ["CASEWORK_ZENDESK", "section"]),
    ("zendesk = 'x'", {}, ["zendesk", "section"]),
    ("[database]\nurl = 'somewhere'", {}, ["database.url", "SQLAlchemy", "postgresql"]),
    ("zone = 'Europe/Bärlin'", {}, ["zone", "IANA", "Europe/Berlin"]),
    ("lease_seconds = 0", {}, ["lease_seconds", "greater than 0"]),
    ("tick_seconds = 'often'", {}, ["tick_seconds", "number"]),
    ("log_level = 'loud'", {}, ["log_level", "'debug', 'info', 'warning' or 'error'"]),
    ("[dropbox]\nfolder = 'casework/'", {}, ["dropbox.folder", "/casework"]),
    ("[dropbox]\nbusiness = 'perhaps'", {}, ["dropbox.business", "boolean"]),
    ("[roles]\noperators = 41", {}, ["roles.operators", "staff-41"]),
    ("[gateway]\npoll_seconds = 1", {}, ["gateway.poll_seconds", "10"]),
    (f"secret = '{PLANTED}'", {}, ["secret", "32 bytes"]),
    (f"[slack]\ntoken = ['{PLANTED}']", {}, ["slack.token", "string"]),
    ("", {"CASEWORK_SECRET": PLANTED}, ["secret", "CASEWORK_SECRET", "32 bytes"]),
    (f"[asana]\ntoken = '{PLANTED}'\nthis is not TOML", {}, ["casework.toml", "not TOML", "line 3"]),
]


@pytest.mark.parametrize(("text", "environment", "said"), WRONG)
def test_a_wrong_setting_stops_the_start(text: str, environment: dict[str, str], said: list[str]) -> None:
    """A wrong one is named with its origin, the problem and an example; its value is never repeated."""
    with pytest.raises(SettingsWrong) as caught:
        given(text, **environment)
    for part in said:
        assert part in str(caught.value)
    assert PLANTED not in str(caught.value)
    assert caught.value.__cause__ is None


REP = "[[reps]]\nid = 'staff-14'\nzone = 'Europe/Berlin'\n"
NINE = "days = ['monday'], starts = 09:00:00"
WRONG_REPS = [
    ("reps = 5", "reps", "must be a list", "reps = [{id"),
    ("[reps]\nid = 'staff-14'", "reps", "must be a list", "reps = [{id"),
    ("[[reps]]\nzone = 'Europe/Berlin'", "reps.0.id", "is missing", 'id = "staff-14"'),
    ("[[reps]]\nid = 'staff-14'", "reps.0.zone of staff-14", "is missing", 'zone = "America/New_York"'),
    (REP.replace("Berlin", "Bärlin"), "reps.0.zone of staff-14", "IANA", 'zone = "America/New_York"'),
    (REP + "country = 'Germany'", "reps.0.country of staff-14", "[A-Z]{2}", 'country = "US"'),
    (REP + "country = 'ZZ'", "reps.0 of staff-14", "no public holidays are known", 'country = "US"'),
    (REP + "country = 'DE'\nsubdivision = 'X'", "reps.0 of staff-14", "no public holidays are known", "subdivision"),
    (REP + "subdivision = 'BE'", "reps.0 of staff-14", "of which country", "subdivision"),
    (REP + f"hours = {{{NINE}, ends = 17:00:00}}", "reps.0.hours of staff-14", "must be a list", "hours = [{days"),
    (REP + f"hours = [{{{NINE}}}]", "reps.0.hours.0.ends of staff-14", "is missing", 'ends = "17:00"'),
    (REP + f"hours = [{{{NINE}, ends = 09:00:00}}]", "reps.0.hours.0 of staff-14", "must be before ends", "hours = ["),
    (
        REP + f"hours = [{{{NINE}, ends = 17:00:30}}]",
        *("reps.0.hours.0.ends of staff-14", "a wall time to the minute", 'ends = "17:00"'),
    ),
    (
        REP + f"hours = [{{{NINE}, ends = 17:00:00}}, {{{NINE}, ends = 10:00:00}}]",
        *("reps.0 of staff-14", "hours: a weekday stands twice", "hours = ["),
    ),
    (
        REP + "hours = [{days = ['mon'], starts = 09:00:00, ends = 17:00:00}]",
        *("reps.0.hours.0.days.0 of staff-14", "'monday', 'tuesday'", 'days = ["monday"]'),
    ),
    (
        REP + "hours = [{days = [], starts = 09:00:00, ends = 17:00:00}]",
        *("reps.0.hours.0.days of staff-14", "must not be empty", 'days = ["monday", "tuesday"]'),
    ),
    (
        REP + "leave = [{first = 2026-12-31, last = 2026-12-24}]",
        *("reps.0.leave.0 of staff-14", "is before the first", "leave = [{first"),
    ),
    (REP + "leave = [{first = 2026-12-31}]", "reps.0.leave.0.last of staff-14", "is missing", 'last = "2026-12-31"'),
    (
        REP + "environments = [{name = 'two words', tool = 'hubspot', queue = '0'}]",
        *("reps.0.environments.0.name of staff-14", "pattern", 'name = "help-desk"'),
    ),
    (
        REP + "environments = [{name = 'a', tool = 'jira', queue = '0'}]",
        *("reps.0.environments.0.tool of staff-14", "'intercom', 'zendesk' or 'hubspot'", 'tool = "hubspot"'),
    ),
    (REP + "jira_account = ''", "reps.0.jira_account of staff-14", "at least 1", 'jira_account = "'),
    (REP + "colour = 'red'", "reps.0.colour of staff-14", "no such setting", "Known here: id, zone"),
    (REP + REP, "reps", "more than one table has the id staff-14", "reps = [{id"),
]


@pytest.mark.parametrize(("text", "place", "what", "example_of_it"), WRONG_REPS)
def test_a_wrong_rep_is_named(text: str, place: str, what: str, example_of_it: str) -> None:
    """Each kind of mistake gets one sentence: whose table and which part of it, what is wrong, how it is written."""
    with pytest.raises(SettingsWrong) as caught:
        given(text)
    (sentence,) = str(caught.value).splitlines()
    assert sentence.startswith(f"{place} (from casework.toml): ")
    assert what in sentence
    assert example_of_it in sentence


def test_the_wrong_one_of_several_reps_is_named() -> None:
    """Of two reps with a mistake each is named with its own."""
    with pytest.raises(SettingsWrong) as caught:
        given(REP.replace("Berlin", "B") + REP.replace("staff-14", "staff-15") + "country = 'x'")
    assert [line.split(" (")[0] for line in str(caught.value).splitlines()] == [
        "reps.0.zone of staff-14",
        "reps.1.country of staff-15",
    ]


def test_an_id_that_is_none_is_not_repeated() -> None:
    """What stands where an id should, such as a secret with blanks, is not shown."""
    with pytest.raises(SettingsWrong) as caught:
        given(REP.replace("staff-14", f"{PLANTED} {PLANTED}") + "colour = 'red'")
    assert PLANTED not in str(caught.value)


def test_reps_are_json_in_the_environment() -> None:
    """The same tables as a list in JSON; what is none says so with an example that can be used."""
    one = {"id": "staff-14", "zone": "Europe/Berlin", "leave": [{"first": "2026-12-24", "last": "2026-12-31"}]}
    loaded = given(REP, CASEWORK_REPS=json.dumps([one, {"id": "staff-15", "zone": "UTC"}]))
    assert [rep.id for rep in loaded.settings.reps] == ["staff-14", "staff-15"]
    assert loaded.settings.reps[0].leave[0].last.isoformat() == "2026-12-31"
    assert origin(loaded, "reps")[1] == "environment CASEWORK_REPS"
    for wrong in ("staff-14", '[{"id": "staff-14"'):
        with pytest.raises(SettingsWrong, match="CASEWORK_REPS is a list in JSON") as caught:
            given("", CASEWORK_REPS=wrong)
        (shown,) = re.findall(r"in JSON: (\[.*\])\.$", str(caught.value))
        assert given("", CASEWORK_REPS=shown).settings.reps[0].id == "staff-14"
    with pytest.raises(
        SettingsWrong, match=r"^reps\.0\.zone of staff-14 \(from environment CASEWORK_REPS\): is missing"
    ):
        given("", CASEWORK_REPS='[{"id": "staff-14"}]')


def test_every_wrong_setting_is_named_at_once() -> None:
    """One start shows all that has to be mended."""
    with pytest.raises(SettingsWrong) as caught:
        given("zone = 1\n[gateway]\nport = -1\n[s3]\ndrop_bucket = 'x'")
    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == [
        "zone",
        "gateway.port",
        "s3.drop_bucket",
    ]


def test_secrets_are_masked() -> None:
    """Neither the rows, nor the settings' own text, nor a database address shows a secret."""
    loaded = given(
        f"secret = '{PLANTED}-{PLANTED}'\n[zendesk]\ntoken = '{PLANTED}'\n"
        f"[database]\nurl = 'postgresql+psycopg://casework:{PLANTED}@db.example/casework'",
        CASEWORK_SLACK__SIGNING_SECRET=PLANTED,
    )
    shown = json.dumps([(row.name, row.value) for row in loaded.rows()]) + repr(loaded.settings.zendesk)
    assert PLANTED not in shown
    assert origin(loaded, "zendesk.token")[0] == "***"
    assert origin(loaded, "slack.token")[0] is None
    assert "casework:***@db.example" in str(origin(loaded, "database.url")[0])


def _chosen(home: Path) -> None:
    (home / ADDRESSES).parent.mkdir(parents=True)
    settings = {"prefect": {"api_url": "http://127.0.0.1:1/api"}, "sandbox": {"url": "http://127.0.0.1:2"}}
    (home / ADDRESSES).write_text(json.dumps({"settings": settings}))


def test_what_up_chose_is_found_by_other_commands() -> None:
    """The addresses of a running `casework up` are taken from `home`, unless something is stated."""
    _chosen(Path("its-home"))
    loaded = given("home = 'its-home'")
    assert origin(loaded, "prefect.api_url") == (
        "http://127.0.0.1:1/api",
        "casework up (its-home/run/addresses.json)",
    )
    stated = given("home = 'its-home'\n[prefect]\napi_url = 'https://prefect.example/api'")
    assert origin(stated, "prefect.api_url") == ("https://prefect.example/api", "casework.toml")


def test_a_left_over_sandbox_never_replaces_real_systems() -> None:
    """Where a real system is named, the stand-ins of an earlier `casework up` are not used."""
    _chosen(Path("its-home"))
    assert given("home = 'its-home'").settings.sandbox.url == "http://127.0.0.1:2"
    real = given("home = 'its-home'\n[zendesk]\nurl = 'https://support.example'")
    assert real.settings.sandbox.url is None


def test_each_setting_has_an_example_that_is_right(tmp_path: Path) -> None:
    """What an error offers as an example can be copied into the file or the variable as it stands."""
    for row in load().rows():
        shown = example(row.name).removeprefix("[")
        section, _, line = shown.rpartition("] ")
        value = "a" * 40 if row.name == "secret" else None
        text = (f"[{section}]\n" if section else "") + (f'secret = "{value}"' if value else line)
        loaded = given(text)
        assert origin(loaded, row.name)[1] == "casework.toml", row.name
        assert variable(row.name).startswith("CASEWORK_")


def test_the_example_file_is_right() -> None:
    """`casework.toml.example` can be copied and used."""
    given((Path(__file__).parents[1] / "casework.toml.example").read_text())
