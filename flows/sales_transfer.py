"""The transfer between support and sales: a customer or lead is handed over, with what is known, and lost by nobody.

Source: the organisation's policy page "How it works", part "Support > Sales Transfer". After everything that happens
the facts are looked at and the policy says what comes next.
"""

from __future__ import annotations

from casework.process import process
from flows.sales_transfer_mail import to_support
from flows.sales_transfer_steps import to_sales
from tasks.transfers import Direction, subject_of

__all__ = ["sales_transfer"]


@process("sales-transfer", subject=subject_of)
def sales_transfer(about: str, direction: Direction = Direction.TO_SALES) -> str:
    """Hand somebody over: a conversation of Intercom (its id, digits) to sales, or a mail of sales (its id) to support.

    Ends as `handed_over: <kind>`, `kept_by_support: <why>`, `stalled: <kind>` or `cancelled`.
    """
    return to_sales(about) if Direction(direction) is Direction.TO_SALES else to_support(about)
