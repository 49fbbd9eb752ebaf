"""How AWS says no, in our kinds of fault. Shared by the S3, SES and KMS clients.

AWS messages quote keys, addresses and account numbers, so only their error codes are passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProxyConnectionError,
)

from casework.systems.errors import (
    Misconfigured,
    NotFound,
    Refused,
    SystemFault,
    Temporary,
    vendor_request_id,
)

_NOT_FOUND = frozenset({"404", "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotFound", "NotFoundException"})
_MISCONFIGURED = frozenset(
    {
        "301",
        "401",
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AccountSendingPausedException",
        "AllAccessDisabled",
        "AuthorizationHeaderMalformed",
        "DisabledException",
        "ExpiredToken",
        "IllegalLocationConstraintException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidKeyUsageException",
        "KMSInvalidStateException",
        "MailFromDomainNotVerifiedException",
        "NoSuchBucket",
        "PermanentRedirect",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_TEMPORARY = frozenset(
    {
        "429",
        "BandwidthLimitExceeded",
        "InternalError",
        "InternalFailure",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_SETTINGS = (NoCredentialsError, PartialCredentialsError, NoRegionError, InvalidRegionError)
_NOT_SENT = (EndpointConnectionError, ConnectTimeoutError, ProxyConnectionError)


@contextmanager
def aws_faults(system: str, operation: str, *, repeatable: bool = True) -> Iterator[None]:
    """Turn botocore's exceptions into ours. `repeatable=False` marks lost answers as `maybe_done`."""
    fault: SystemFault
    try:
        yield
        return
    except ClientError as error:
        fault = _client_fault(system, operation, error, repeatable=repeatable)
    except _SETTINGS as error:
        fault = Misconfigured(system, operation, type(error).__name__)
    except (ConnectionError, HTTPClientError, IncompleteReadError) as error:
        doubt = not repeatable and not isinstance(error, _NOT_SENT)
        fault = Temporary(system, operation, f"no answer ({type(error).__name__})", maybe_done=doubt)
    except BotoCoreError as error:
        fault = Refused(system, operation, f"the request cannot be made ({type(error).__name__})")
    raise fault from None


def error_code(error: ClientError) -> str:
    """The error's code, such as `NoSuchKey`."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def request_id(answer: Any) -> str:
    """The request id of an answer, which AWS support asks for; empty when there is none."""
    return vendor_request_id(answer.get("ResponseMetadata", {}).get("RequestId")) or ""


def _client_fault(system: str, operation: str, error: ClientError, *, repeatable: bool) -> SystemFault:
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    asked = request_id(error.response)
    detail = (code if code.isalnum() else "refused") + (f" [request {asked}]" if asked else "")
    if code in _NOT_FOUND:
        return NotFound(system, operation, detail, status=status)
    if code in _MISCONFIGURED:
        return Misconfigured(system, operation, detail, status=status)
    if code in _TEMPORARY or (status is not None and status >= 500):
        doubt = not repeatable and status is not None and status >= 500 and status != 503
        return Temporary(system, operation, detail, status=status, maybe_done=doubt)
    return Refused(system, operation, detail, status=status)
