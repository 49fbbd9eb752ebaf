"""Mail that came in, read from S3 as SES stores it: a sender counts only where SES itself vouches for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from casework.sandbox import People, World, aws
from casework.sandbox.mailing import BUCKET, PREFIX, SUPPORT
from casework.systems import s3
from casework.systems.errors import Misconfigured, NotFound
from casework.systems.mail_inbox import MOST_BYTES, MailInbox
from tests.scenarios.conftest import cloud  # noqa: F401 - a fixture that these tests use too
from tests.scenarios.office import empty
from tests.systems.sites import Clock

SDR = "horatio.wimpole-achebe@casework-5b2e.example"
ID = "8i6cr4aeu15skb2lb71a0qo4ts7a8mbou5nfpgg1"
SPF = "spf=pass (spfCheck: domain of corp.example) client-ip=192.0.2.7; envelope-from=a@corp.example; helo=x.example;"
OWN = (
    "Return-Path: <a@corp.example>\r\n"
    "Received: from mail.corp.example (mail.corp.example [192.0.2.7])\r\n"
    f" by inbound-smtp.us-east-1.amazonaws.com with SMTP id {ID}\r\n"
    " for support@casework.example;\r\n Sat, 26 Apr 2025 16:24:59 +0000 (UTC)\r\n"
    "X-SES-Spam-Verdict: PASS\r\nX-SES-Virus-Verdict: PASS\r\nReceived-SPF: pass (spfCheck) client-ip=192.0.2.7;\r\n"
)
PASSED = (
    f"Authentication-Results: amazonses.com;\r\n {SPF}\r\n dkim=pass header.i=@corp.example;\r\n"
    " dmarc=pass header.from=corp.example;\r\n"
)
FAILED = PASSED.replace("=pass", "=fail")
RECEIPT = "X-SES-RECEIPT: AEFBQUFBQUFB\r\nX-SES-DKIM-SIGNATURE: a=rsa-sha256; d=amazonses.com;\r\n"
HOP = "Received: by mail.corp.example with SMTP id d75a77b69052e\r\n for <support@casework.example>;\r\n"
FROM = "From: Ada <a@corp.example>\r\n"


class Bucket:
    """The bucket, what comes into it, and our client of it."""

    def __init__(self, amazon: aws.Aws) -> None:
        empty(amazon)
        self.clock = Clock()
        self.world = World(self.clock)
        self.world.seed()
        self.people = People(self.world)
        self.raw = amazon.s3()
        self.inbox = MailInbox(s3.connect(amazon.url, aws.REGION, "sandbox", "sandbox"), BUCKET, PREFIX)

    def put(self, mail: str, mail_id: str = ID) -> str:
        self.raw.put_object(Bucket=BUCKET, Key=PREFIX + mail_id, Body=mail.encode())
        return mail_id

    def authentic(self, mail: str) -> bool:
        return self.inbox.received(self.put(mail)).authentic


@pytest.fixture
def bucket(cloud: aws.Aws) -> Iterator[Bucket]:  # noqa: F811
    made = Bucket(cloud)
    yield made
    made.world.close()


def test_a_mail_of_sales(bucket: Bucket) -> None:
    """A colleague's mail with support in copy is read whole, in its thread, and shows nothing of itself."""
    first = bucket.people.sdr.send_mail(bucket.raw, "staff-64", ["lead-1"], "Help", "Hello Saoirse", cc=[SUPPORT])
    bucket.clock.sleep(60)
    html = "<p>And <b>again</b></p>"
    second = bucket.people.sdr.send_mail(
        bucket.raw, "staff-64", ["lead-1"], "Re: Hälp", "", cc=[SUPPORT], html=html, answers=[first]
    )
    one, two = bucket.inbox.received(first), bucket.inbox.received(second)
    assert (one.authentic, one.automatic, one.cut, one.at) == (True, False, False, two.at - timedelta(seconds=60))
    assert (one.sender, one.cc, one.text) == (SDR, (SUPPORT,), "Hello Saoirse")
    assert (two.subject, two.text, two.references) == ("Re: Hälp", "And again", (one.message_id,))
    assert two.at == bucket.clock.time
    assert two.at.tzinfo is not None
    assert not [planted for planted in (*bucket.world.planted, "Hello", "Help") if planted in repr((one, two))]


def test_a_forged_sender_counts_for_nothing(bucket: Bucket) -> None:
    """Somebody else who writes in a colleague's name is not vouched for."""
    forged = bucket.people.sdr.send_mail(bucket.raw, "staff-64", [SUPPORT], "s", "t", authentic=False)
    assert not bucket.inbox.received(forged).authentic
    assert bucket.inbox.received(forged).sender == SDR


def test_vouched_for_as_ses_stores_it(bucket: Bucket) -> None:
    """A mail in the form of those that SES has stored is authentic when DMARC has passed, and only then."""
    assert bucket.authentic(OWN + PASSED + RECEIPT + HOP + FROM + "\r\nHello")
    assert not bucket.authentic(OWN + FAILED + RECEIPT + HOP + FROM + "\r\nHello")


def changed(old: str, new: str) -> str:
    assert old in PASSED
    return PASSED.replace(old, new)


@pytest.mark.parametrize(
    "mail",
    [
        # What a sender writes stands below SES's own lines, whatever it looks like.
        OWN + FAILED + RECEIPT + PASSED + FROM,
        OWN + FAILED + RECEIPT + OWN + PASSED + RECEIPT + FROM,
        OWN + RECEIPT + PASSED + FROM,
        OWN + PASSED + FAILED + RECEIPT + FROM,
        OWN + PASSED + FROM,
        PASSED + RECEIPT + FROM,
        OWN + PASSED + RECEIPT,
        # Another mail's lines, another server's, another authority's.
        OWN.replace(ID, "0" * 40) + PASSED + RECEIPT + FROM,
        OWN.replace("amazonaws.com", "amazonaws.com.evil.example") + PASSED + RECEIPT + FROM,
        OWN + HOP + PASSED + RECEIPT + FROM,
        OWN + changed("amazonses.com;", "mx.evil.example;") + RECEIPT + FROM,
        OWN + changed("amazonses.com;", "evil.example; amazonses.com;") + RECEIPT + FROM,
        # Another result, another domain, no result, a result within a sender's words.
        OWN + changed("dmarc=pass", "dmarc=none") + RECEIPT + FROM,
        OWN + changed("dmarc=pass", "x-dmarc=pass") + RECEIPT + FROM,
        OWN + changed("dmarc=pass", "dmarc=passed") + RECEIPT + FROM,
        OWN + changed("from=corp.example;", "from=evil.example;") + RECEIPT + FROM,
        OWN + changed("from=corp.example;", "from=corp.example.evil.example;") + RECEIPT + FROM,
        OWN + changed(" header.from=corp.example", "") + RECEIPT + FROM,
        OWN + changed("dmarc=pass", "dmarc=fail").replace("a@corp", '"x; dmarc=pass header.from=corp.example;"@corp')
        + RECEIPT + FROM,
        OWN + changed("dmarc=pass", "dmarc=fail").replace("a@corp", "x; dmarc=pass header.from=corp.example; @corp")
        + RECEIPT + FROM,
        OWN + changed("dmarc=pass", "x=y").replace("(spfCheck", "(a (b) ; dmarc=pass header.from=corp.example; ")
        + RECEIPT + FROM,
        # Whom it is from is not clear.
        OWN + PASSED + RECEIPT + FROM + "From: boss@corp.example\r\n",
        OWN + PASSED + RECEIPT + "From: a@corp.example, boss@corp.example\r\n",
        OWN + PASSED + RECEIPT + "From: a@sub.corp.example\r\n",
    ],
)  # fmt: skip
def test_not_vouched_for(bucket: Bucket, mail: str) -> None:
    """Whatever is less than SES's own finding for the very domain of the one sender proves nothing."""
    assert not bucket.authentic(mail + "\r\nHello")


def test_a_long_mail(bucket: Bucket) -> None:
    """Of a mail with a large attachment the beginning is read, with its words and its sender."""
    kind = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\n"
    attached = "Content-Type: image/png\r\n\r\n" + "x" * (MOST_BYTES + 1)
    found = bucket.inbox.received(bucket.put(OWN + PASSED + RECEIPT + FROM + kind + attached))
    assert (found.text, found.cut, found.authentic) == ("Hello", True, True)


def test_an_empty_object(bucket: Bucket) -> None:
    """A mail without anything in it is from nobody."""
    found = bucket.inbox.received(bucket.put(""))
    assert (found.sender, found.text, found.authentic, found.message_id) == (None, "", False, None)


@pytest.mark.parametrize("mail_id", ["", "short", "../" + ID, ID + "/x", ID + "\n", "AMAZON_SES_SETUP_NOTIFICATION"])
def test_what_is_no_id(bucket: Bucket, mail_id: str) -> None:
    """What names no mail of SES is an error before anybody is asked."""
    with pytest.raises(ValueError, match="the id that SES gave"):
        bucket.inbox.received(mail_id)


def test_a_mail_that_is_gone(bucket: Bucket, cloud: aws.Aws) -> None:  # noqa: F811
    """A mail that its lifecycle has deleted is not there; without the bucket the settings are wrong."""
    with pytest.raises(NotFound, match=ID):
        bucket.inbox.received(ID)
    other = MailInbox(s3.connect(cloud.url, aws.REGION, "sandbox", "sandbox"), "no-such-bucket")
    with pytest.raises(Misconfigured):
        list(other.received_since(datetime(2026, 1, 1, tzinfo=UTC)))


def test_since_when(bucket: Bucket) -> None:
    """Those that came at a moment or later are named, without what SES or others left beside them."""
    ids = []
    for _ in range(3):
        bucket.clock.sleep(60)
        ids.append(bucket.people.sdr.send_mail(bucket.raw, "staff-64", [SUPPORT], "s", "t", told=False))
    bucket.put("You have set up SES.", "AMAZON_SES_SETUP_NOTIFICATION")
    bucket.raw.put_object(Bucket=BUCKET, Key="other/" + ID, Body=b"x")
    since = bucket.clock.time - timedelta(seconds=60)
    found: dict[str, Any] = dict(bucket.inbox.received_since(since + timedelta(microseconds=5)))
    assert found == {ids[1]: since, ids[2]: bucket.clock.time}
    assert dict(bucket.inbox.received_since(bucket.clock.time + timedelta(seconds=1))) == {}
