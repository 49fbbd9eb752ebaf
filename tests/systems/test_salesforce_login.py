"""Signing in to Salesforce: by secret or by signed assertion, once, renewed once, and without a trace."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from casework.sandbox import Fault
from casework.sandbox.salesforce import trust
from casework.sandbox.salesforce_records import ROBOT
from casework.systems.errors import Misconfigured, Temporary
from casework.systems.salesforce import ClientCredentials, JwtBearer
from tests.systems.orgs import SfOrg

TOKEN = "/services/oauth2/token"


@pytest.fixture
def org() -> Iterator[SfOrg]:
    made = SfOrg()
    yield made
    made.world.close()


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _certified(org: SfOrg, key: rsa.RSAPrivateKey) -> JwtBearer:
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    trust(org.world, public.decode())
    known = org.world.credentials
    return JwtBearer(known["salesforce_client_id"], known["salesforce_username"], _pem(key))


def test_signed_in_once(org: SfOrg) -> None:
    """One session serves all requests, and says whom we act as."""
    known = [org.client.known_own_id]
    assert org.client.own_id() == ROBOT
    org.client.members.member(org.contact("member-1"))
    org.client.members.member(org.contact("member-2"))
    known.append(org.client.known_own_id)
    assert known == [None, ROBOT]
    assert len(org.sent(TOKEN)) == 1


def test_an_assertion_signs_in(org: SfOrg, key: rsa.RSAPrivateKey) -> None:
    """The key of a certificate that the app knows signs in, checked by the stand-in without our library."""
    client = org.connect(_certified(org, key))
    assert client.own_id() == ROBOT
    assert b"client_secret" not in org.sent(TOKEN)[-1].content


def test_another_key_does_not(org: SfOrg, key: rsa.RSAPrivateKey) -> None:
    """A key that the app does not know, and what is no RSA key at all, are for whoever minds the settings."""
    login = _certified(org, key)
    strange = rsa.generate_private_key(65537, 2048)
    with pytest.raises(Misconfigured, match="invalid_grant"):
        org.connect(JwtBearer(login.client_id, login.username, _pem(strange))).own_id()
    for none in ("", "no key", _pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(Misconfigured, match=r"salesforce\.private_key"):
            org.connect(JwtBearer(login.client_id, login.username, none)).own_id()


def test_wrong_credentials(org: SfOrg) -> None:
    """A wrong secret, key, user or audience is misconfigured, not refused: nobody who works on cases can mend it."""
    known = org.world.credentials
    with pytest.raises(Misconfigured, match=r"invalid_client.*settings"):
        org.connect(ClientCredentials(known["salesforce_client_id"], "wrong")).own_id()
    with pytest.raises(Misconfigured, match="invalid_client_id"):
        org.connect(ClientCredentials("wrong", "wrong")).own_id()


def test_an_ended_session_is_renewed(org: SfOrg) -> None:
    """A session that Salesforce ended is renewed, the request is done, and nobody notices."""
    org.client.own_id()
    org.clock.sleep(3 * 3600)
    case = org.people.member.open_case("member-1", "s", "t")
    org.client.cases.comment(case, "once", public=False)
    assert len(org.sent(TOKEN)) == 2
    assert [one["CommentBody"] for one in org.records("CaseComment")] == ["once"]


def test_renewed_once_only(org: SfOrg) -> None:
    """A session that is refused again at once is not asked for again and again."""
    org.client.own_id()
    org.clock.sleep(3 * 3600)
    ended = org.asked._handler

    def always(request: object) -> object:
        answer = ended(request)  # type: ignore[arg-type]
        org.state["tokens"].clear()
        return answer

    org.asked._handler = always  # type: ignore[assignment]
    with pytest.raises(Misconfigured, match="INVALID_SESSION_ID"):
        org.client.members.member(org.contact("member-1"))
    assert len(org.sent(TOKEN)) == 2


def test_the_login_is_away(org: SfOrg) -> None:
    """A login that does not answer is tried again, then it is a passing trouble."""
    org.world.misbehave("salesforce", Fault.server_error(503), times=2, match=f"POST {TOKEN}")
    assert org.client.own_id() == ROBOT
    org.world.misbehave("salesforce", Fault.timeout(), times=9, match=f"POST {TOKEN}")
    with pytest.raises(Temporary, match="sign in"):
        org.connect().own_id()


def test_no_secret_is_shown(org: SfOrg, key: rsa.RSAPrivateKey, caplog: pytest.LogCaptureFixture) -> None:
    """Neither log nor repr has a secret, a key, an assertion or a session."""
    caplog.set_level(logging.DEBUG)
    login = _certified(org, key)
    org.connect(login).own_id()
    org.client.own_id()
    known = org.world.credentials
    shown = caplog.text + repr(login) + repr(ClientCredentials("id", known["salesforce_client_secret"]))
    for secret in (known["salesforce_client_secret"], login.private_key[40:80], *org.state["tokens"], "eyJ"):
        assert secret not in shown
