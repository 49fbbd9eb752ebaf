"""The key management service: what it refuses comes as our kinds of fault, with the context and without secrets."""

from __future__ import annotations

import logging

import pytest
from botocore.stub import Stubber

from casework.systems import kms as module
from casework.systems.errors import Misconfigured, NotFound, Refused, SystemFault, Temporary
from casework.systems.kms import Kms

CONTEXT = {"purpose": "a test", "key-id": "d-1"}
ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd"
SECRET = b"a data key of thirty-two bytes.."


@pytest.fixture
def kms() -> Kms:
    return module.connect("http://127.0.0.1:1", "eu-central-1", "id", "secret", "alias/casework")


def test_each_call_names_the_key_and_the_context(kms: Kms) -> None:
    """Both calls hold exactly one key and our context, so that no other key and no other context opens.

    It is our key, or the one that is said to have encrypted; which one that is, the service says when it encrypts.
    """
    with Stubber(kms._client) as stub:
        stub.add_response(
            "encrypt",
            {"CiphertextBlob": b"wrapped", "KeyId": ARN},
            {"KeyId": "alias/casework", "Plaintext": SECRET, "EncryptionContext": CONTEXT},
        )
        stub.add_response(
            "decrypt",
            {"Plaintext": SECRET},
            {"KeyId": "alias/casework", "CiphertextBlob": b"wrapped", "EncryptionContext": CONTEXT},
        )
        stub.add_response(
            "decrypt",
            {"Plaintext": SECRET},
            {"KeyId": ARN, "CiphertextBlob": b"wrapped", "EncryptionContext": CONTEXT},
        )
        assert kms.encrypt(SECRET, CONTEXT) == (b"wrapped", ARN)
        assert kms.decrypt(b"wrapped", CONTEXT) == SECRET
        assert kms.decrypt(b"wrapped", CONTEXT, ARN) == SECRET


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, Temporary),
        ("KMSInternalException", 500, Temporary),
        ("DependencyTimeoutException", 503, Temporary),
        ("KeyUnavailableException", 500, Temporary),
        ("AccessDeniedException", 400, Misconfigured),
        ("DisabledException", 409, Misconfigured),
        ("KMSInvalidStateException", 409, Misconfigured),
        ("InvalidKeyUsageException", 400, Misconfigured),
        ("UnrecognizedClientException", 400, Misconfigured),
        ("NotFoundException", 400, NotFound),
        ("IncorrectKeyException", 400, Refused),
        ("InvalidCiphertextException", 400, Refused),
    ],
)
def test_faults(kms: Kms, code: str, status: int, kind: type[SystemFault]) -> None:
    """Each error of the service's reference is one of our kinds; its own words, which name ARNs, are not told."""
    for operation in ("encrypt", "decrypt"):
        with Stubber(kms._client) as stub:
            stub.add_client_error(operation, code, "arn:aws:kms:eu-central-1:111122223333:key/x", status)
            with pytest.raises(SystemFault) as caught:
                getattr(kms, operation)(SECRET, CONTEXT)
        assert type(caught.value) is kind
        assert code in str(caught.value)
        assert "111122223333" not in str(caught.value)


def test_no_answer_is_temporary(kms: Kms) -> None:
    """A service that cannot be reached is worth trying again."""
    with pytest.raises(Temporary) as caught:
        kms.decrypt(b"wrapped", CONTEXT)
    assert not caught.value.maybe_done


def test_no_data_key_in_any_log(kms: Kms, caplog: pytest.LogCaptureFixture) -> None:
    """At the chattiest level botocore does not write an opened data key down."""
    caplog.set_level(logging.DEBUG)
    assert not logging.getLogger("botocore.parsers").isEnabledFor(logging.DEBUG)
    with Stubber(kms._client) as stub:
        stub.add_response("decrypt", {"Plaintext": SECRET})
        kms.decrypt(b"wrapped", CONTEXT)
    assert SECRET.decode() not in caplog.text
