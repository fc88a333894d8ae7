"""Asking for limits from a desk of a test."""

from authdeck.operations.desk import Desk
from authdeck.operations.lend import Lender
from authdeck.operations.observe import Observer
from authdeck.operations.query_quota import QuotaQueries
from authdeck.operations.refresh import Refresher


def queries_of(desk: Desk) -> QuotaQueries:
    lender = Lender(desk)
    return QuotaQueries(desk, lender, Refresher(desk, lender), Observer(desk))
