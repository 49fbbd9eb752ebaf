"""Delivery of a file that may be downloaded exactly once, and of which then provably nothing is left.

`use` connects this process once, at its start; `current` is where tasks and the gateway find the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from casework.delivery.certificate import Signer
    from casework.delivery.certificates import Certificates
    from casework.delivery.keys import KeyStore
    from casework.delivery.links import Links
    from casework.delivery.vaults import Vault

__all__ = ["Delivery", "current", "use"]


@dataclass(frozen=True)
class Delivery:
    """The parts of delivery in this process.

    `vaults` are found by their names; `drop_bucket` is the S3 bucket that engineering puts deliverables into;
    `public_url` is the customers' address of the gateway, without a slash at its end; `second_public_url` another
    one for those whose network does not let them reach the first.
    """

    links: Links
    keys: KeyStore
    vaults: Mapping[str, Vault]
    signer: Signer
    certificates: Certificates
    drop_bucket: str
    public_url: str
    second_public_url: str | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address at which customers reach the gateway."""
        return (self.public_url, self.second_public_url) if self.second_public_url else (self.public_url,)


_connected: Delivery | None = None


def use(delivery: Delivery) -> None:
    """Connect this process to `delivery`, in place of what was connected before."""
    global _connected
    _connected = delivery


def current() -> Delivery:
    """The connected delivery. Raises RuntimeError when nothing was connected."""
    if _connected is None:
        raise RuntimeError(
            "Delivery is not connected in this process: call casework.delivery.use(Delivery(...)) at its start"
        )
    return _connected
