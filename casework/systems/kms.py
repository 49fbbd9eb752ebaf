"""A key of AWS Key Management Service, which encrypts and decrypts small secrets and never leaves it.

Repeating either call does no harm, so botocore tries again by itself. Source: the service's API reference
(Encrypt, Decrypt).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from casework.systems.aws import aws_faults

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient

_SYSTEM = "KMS"


class Kms:
    """One symmetric key, by its id, its ARN or `alias/…`.

    What is encrypted with a context is decrypted with the same context only. The context is no secret: it
    stands in the service's own log. Raises `Temporary` when throttled or not answered, `Misconfigured` when we
    may not use the key or it is disabled, `NotFound` when there is none.
    """

    def __init__(self, client: KMSClient, key: str) -> None:
        self._client = client
        self._key = key

    def encrypt(self, secret: bytes, context: Mapping[str, str]) -> tuple[bytes, str]:
        """At most 4,096 bytes, encrypted, and the ARN of the key that did it, to which an alias leads today."""
        with aws_faults(_SYSTEM, "encrypt"):
            answer = self._client.encrypt(KeyId=self._key, Plaintext=secret, EncryptionContext=context)
        return answer["CiphertextBlob"], answer["KeyId"]

    def decrypt(self, encrypted: bytes, context: Mapping[str, str], key: str | None = None) -> bytes:
        """What was encrypted by the key with this ARN, or by our own, with this context; else `Refused` is raised."""
        with aws_faults(_SYSTEM, "decrypt"):
            answer = self._client.decrypt(KeyId=key or self._key, CiphertextBlob=encrypted, EncryptionContext=context)
        return answer["Plaintext"]


def connect(endpoint_url: str | None, region: str, access_key: str | None, secret_key: str | None, key: str) -> Kms:
    """A client for `endpoint_url`, or AWS when None. Without keys boto3's own chain is used."""
    # At DEBUG botocore logs whole answers, and with them the opened data key.
    logging.getLogger("botocore").setLevel(logging.INFO)
    client: KMSClient = boto3.client(
        "kms",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3, "mode": "standard"}),
    )
    return Kms(client, key)
