"""What is asked while a file is handed over: which vault, how the link ended, what to do when it is out of reach."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from casework.confidential import ConfidentialText
from casework.wait import Form

__all__ = [
    "Fetch",
    "Fetched",
    "Gone",
    "HandDestruction",
    "OtherVault",
    "Outcome",
    "Receipt",
    "Unreachable",
    "UnreachableOneHost",
    "Upload",
    "Uploaded",
    "Vault",
    "Way",
]


class Outcome(StrEnum):
    RECEIVED = "received"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNREACHABLE = "unreachable"


class Receipt(Form):
    """How the link ended, which the gateway says; or that the customer cannot reach it, which operators say."""

    formerly = ("flows.data_export_forms:Receipt",)

    outcome: Outcome = Field(
        description="Choose unreachable if the customer cannot reach the link; all else is looked up"
    )


class Vault(StrEnum):
    DROPBOX = "dropbox"
    ONEDRIVE = "onedrive"
    S3 = "s3"
    MANUAL_TRANSFER = "manual-transfer"


class OtherVault(Form):
    """Where the sealed export goes, or that it goes by hand."""

    formerly = ("flows.data_export_forms:OtherVault",)

    vault: Vault = Field(description="Which vault shall take it? The one that failed can be tried again.")
    reason: ConfidentialText | None = Field(None, description="Why (needed for manual-transfer)")

    @model_validator(mode="after")
    def _by_hand_with_a_reason(self) -> OtherVault:
        if self.vault is Vault.MANUAL_TRANSFER and not self.reason:
            raise ValueError("to do it by hand, where nothing enforces the single download, say why")
        return self


class Uploaded(StrEnum):
    SENT = "uploaded, and the link is sent"
    END = "not uploaded: end the case"


class Upload(Form):
    """That an operator uploaded the export by hand and sent the customer its link."""

    decision: Uploaded = Field(description="What was done?")


class Fetched(StrEnum):
    YES = "downloaded"
    NO = "not downloaded: stop waiting"


class Fetch(Form):
    """Whether the customer fetched an export that was uploaded by hand."""

    decision: Fetched = Field(description="Did the customer download it?")


class Gone(StrEnum):
    DESTROYED = "destroyed and looked at"
    KEPT = "cannot be destroyed"


class HandDestruction(Form):
    """What became of an export that was uploaded by hand."""

    decision: Gone = Field(description="Is it destroyed there, and did you look that it is gone?")
    reason: ConfidentialText | None = Field(None, description="Why not (needed if it cannot be destroyed)")

    @model_validator(mode="after")
    def _kept_with_a_reason(self) -> HandDestruction:
        if self.decision is Gone.KEPT and not self.reason:
            raise ValueError("if it cannot be destroyed, say why")
        return self


class Way(StrEnum):
    SECOND_HOST = "send it on the second host name"
    UNLOCK = "give the code new tries"
    NEW_LINK = "void the link, and send a new one"
    OTHER_VAULT = "void the link, and send a new one from another vault"
    WAIT_ON = "wait on"
    END = "end the case"


class Unreachable(Form):
    """What the operators do for a customer who cannot reach the link."""

    formerly = ("flows.data_export_forms:Unreachable",)

    decision: Way = Field(description="What shall happen?")
    vault: Literal[Vault.DROPBOX, Vault.ONEDRIVE, Vault.S3] | None = Field(
        None, description="From which other vault (only then)"
    )
    reason: ConfidentialText | None = Field(None, description="Why (needed to void the link)")

    @model_validator(mode="after")
    def _void_with_a_reason(self) -> Unreachable:
        if self.decision in (Way.NEW_LINK, Way.OTHER_VAULT) and not self.reason:
            raise ValueError("to void the link, say why")
        if (self.decision is Way.OTHER_VAULT) != (self.vault is not None):
            raise ValueError("name the vault if it is another one, and only then")
        return self


class UnreachableOneHost(Unreachable):
    """The same where the gateway has no second host name."""

    formerly = ("flows.data_export_forms:UnreachableOneHost",)

    decision: Literal[Way.UNLOCK, Way.NEW_LINK, Way.OTHER_VAULT, Way.WAIT_ON, Way.END] = Field(
        description="What shall happen?"
    )
