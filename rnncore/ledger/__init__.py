"""The ledger: which statements of the sources hold, settled by running code.

A notebook settles an entry of the catalogue with `settle`; the ledger chapter is built from the
records in the stored outputs.
"""

from rnncore.ledger.catalogue import Catalogue, Chapter, Entry, catalogue
from rnncore.ledger.evidence import (
    Evidence,
    SettleError,
    agrees,
    differs,
    measured,
    misshapen,
    relative_error,
)
from rnncore.ledger.records import (
    Record,
    Row,
    audit,
    build_ledger,
    chapter_number,
    find_notebooks,
    read_records,
)
from rnncore.ledger.settle import MIME, VERDICTS, Settlement, judge, settle
from rnncore.ledger.tables import Table, count_table, entry_table, open_table, verdict_filter

__all__ = [
    "MIME",
    "VERDICTS",
    "Catalogue",
    "Chapter",
    "Entry",
    "Evidence",
    "Record",
    "Row",
    "SettleError",
    "Settlement",
    "Table",
    "agrees",
    "audit",
    "build_ledger",
    "catalogue",
    "chapter_number",
    "count_table",
    "differs",
    "entry_table",
    "find_notebooks",
    "judge",
    "measured",
    "misshapen",
    "open_table",
    "read_records",
    "relative_error",
    "settle",
    "verdict_filter",
]
