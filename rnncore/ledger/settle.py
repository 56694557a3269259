"""Settle an entry of the catalogue in one call, and leave a record in the cell's output."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnncore.ledger.catalogue import Catalogue, Entry, catalogue
from rnncore.ledger.evidence import Evidence, SettleError, agrees, differs, misshapen

MIME = "application/vnd.rnncore.settle+json"
VERDICTS = ("holds", "corrected", "holds in part", "false")
_CSS = {"holds": "holds", "corrected": "corrected", "holds in part": "part", "false": "false"}
_KEY = re.compile(r"^[a-z]+[0-9]{4}[a-z0-9]*$")
_REQUIRED = {
    "holds": {"agrees", "measured"},
    "corrected": {"differs", "misshapen"},
    "holds in part": {"agrees", "measured"},
    "false": {"agrees", "differs", "misshapen", "measured"},
}


@dataclass(frozen=True)
class Settlement:
    """The outcome of settling an entry: what a notebook displays and the ledger reads.

    Attributes
    ----------
    entry : Entry
        The entry of the catalogue.
    verdict : str
        ``"holds"``, ``"corrected"``, ``"holds in part"`` or ``"false"``.
    evidence : tuple of Evidence
        What came out; empty where the literature decides.
    because : str
        The reason in one sentence; may be empty where the evidence speaks for itself.
    citation : tuple of str
        Keys of the bibliography.
    """

    entry: Entry
    verdict: str
    evidence: tuple[Evidence, ...]
    because: str = ""
    citation: tuple[str, ...] = ()

    @property
    def record(self) -> dict[str, Any]:
        """The outcome as plain data, the same on every machine."""
        return {
            "id": self.entry.id,
            "verdict": self.verdict,
            "because": self.because,
            "evidence": [dict(piece.record, line=piece.line) for piece in self.evidence],
            "citation": list(self.citation),
        }

    @property
    def line(self) -> str:
        """The outcome in one stable line."""
        found = "; ".join(piece.line for piece in self.evidence)
        cited = "settled by citation: " + ", ".join(self.citation) if self.citation else ""
        parts = [part for part in (self.because.rstrip("."), found, cited) if part]
        return f"{self.entry.id}  {self.verdict}: " + ". ".join(parts)

    def __repr__(self) -> str:
        return self.line

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        css = _CSS[self.verdict]
        lines = [piece.line for piece in self.evidence]
        if self.citation:
            lines.append("settled by citation: " + ", ".join(self.citation))
        items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        because = f" <span>{html.escape(self.because)}</span>" if self.because else ""
        text = (
            f'<div class="settle settle-{css}" id="{self.entry.anchor}">'
            f"<strong>{self.entry.id}</strong> <em>{self.verdict}</em>{because}"
            f"<ul>{items}</ul></div>"
        )
        return {"text/plain": self.line, "text/html": text, MIME: self.record}


def settle(entry_id: str, **arguments: Any) -> None:
    """Settle an entry of the catalogue: check, display one line, leave a record.

    Takes the arguments of `judge`. A notebook calls this once for each entry that it settles;
    the ledger is built from the records in the stored outputs.

    Raises
    ------
    SettleError
        If a check does not come out or could not have failed; it names the entry and the numbers.

    Examples
    --------
    >>> settle("D.e8", printed=0.7 - 0.2, truth=0.5, control=0.2 - 0.7)
    D.e8  holds: printed formula agrees to 1e-12 (1 entry), control off by 2.0
    """
    settlement = judge(entry_id, **arguments)
    shell = None
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
    if shell is None:
        print(settlement.line)
    else:
        from IPython.display import display

        display(settlement)


_NOT_GIVEN: Any = type("NotGiven", (), {"__repr__": lambda self: "<not given>"})()


def judge(
    entry_id: str,
    *,
    printed: Any = _NOT_GIVEN,
    truth: Any = _NOT_GIVEN,
    corrected: Any = _NOT_GIVEN,
    control: Any = _NOT_GIVEN,
    tol: float = 1e-12,
    margin: float = 0.05,
    wrong_shape: bool = False,
    verdict: str | None = None,
    evidence: Iterable[Evidence] = (),
    because: str = "",
    citation: Iterable[str] = (),
    entries: Catalogue | None = None,
) -> Settlement:
    """Check an entry of the catalogue and return the outcome, without displaying it.

    There are four ways to settle. Arrays may be scalars, arrays or mappings of named arrays;
    errors are relative, ``max|a - b| / max|b|``, for each name alone.

    - A printed formula is right: `printed`, `truth`, `control` (a wrong variant).
    - A printed formula is wrong: `printed`, `corrected`, `truth`; the printed one is the control.
      Where it has another shape than the truth, `wrong_shape=True` says so (the transpose is
      compared too), and its numbers read row by row into the right shape are the control.
    - A claim, a task, an algorithm: `verdict`, `evidence`, `because`.
    - A claim that only the literature can decide: `verdict`, `citation`, `because`.

    Evidence may be added to a formula too, for instance a case where it fails.

    Parameters
    ----------
    entry_id : str
        Id in the catalogue, for instance ``"D.e17"``.
    printed, truth, corrected, control : array, scalar or mapping of arrays
        Values of the formulas, all at the same point.
    tol, margin : float
        The right formula is off by at most `tol`, a wrong one by more than `margin`.
    wrong_shape : bool
        The printed formula has another shape than the truth.
    verdict : {"holds", "corrected", "holds in part", "false"}
        May be left out for formulas.
    evidence : list of Evidence
        From `agrees`, `differs`, `misshapen` and `measured`.
    because : str
        The reason in one sentence. Needed for "holds in part" and "false".
    citation : list of str
        Keys of the bibliography, for entries that the catalogue marks.
    entries : Catalogue
        Another catalogue than the package's own.

    Returns
    -------
    Settlement
        With the verdict, the evidence, a printable line and a record.

    Raises
    ------
    SettleError
        If a check does not come out or could not have failed.

    Examples
    --------
    >>> judge("D.e9", printed=0.1, corrected=0.4, truth=0.4).line
    'D.e9  corrected: printed formula off by 0.75; corrected one agrees to 1e-12 (1 entry)'
    """
    table = catalogue() if entries is None else entries
    if entry_id not in table:
        raise SettleError(f"{entry_id!r} is not an entry of the catalogue")
    entry = table[entry_id]
    formulas = {"printed": printed, "truth": truth, "corrected": corrected, "control": control}
    given = {name: value for name, value in formulas.items() if value is not _NOT_GIVEN}
    try:
        extra = _as_evidence(evidence)
        cited = _as_citation(citation)
        found: list[Evidence] = []
        if given or wrong_shape:
            found = _compare(given, tol, margin, wrong_shape)
            verdict = verdict or ("corrected" if "corrected" in given else "holds")
        found += extra
        _check_verdict(entry, verdict, found, cited, because)
    except SettleError as error:
        raise SettleError(f"{entry_id}: {error}") from None
    assert verdict is not None
    return Settlement(entry, verdict, tuple(found), because, cited)


def _compare(given: dict[str, Any], tol: float, margin: float, wrong_shape: bool) -> list[Evidence]:
    for name in ("printed", "truth"):
        if name not in given:
            raise SettleError(f"a formula needs {name}")
    printed, truth = given["printed"], given["truth"]
    if "corrected" not in given:
        if wrong_shape:
            raise SettleError("wrong_shape goes with a corrected formula")
        if "control" not in given:
            raise SettleError("a formula that holds needs a control: a wrong variant that fails")
        control = given["control"]
        return [agrees("printed formula", printed, truth, control=control, tol=tol, margin=margin)]
    if wrong_shape:
        failing = misshapen("printed formula", printed, truth, tol=tol)
        control = given["control"] if "control" in given else _poured(printed, truth)
    else:
        failing = differs("printed formula", printed, truth, margin=margin)
        control = given.get("control", printed)
    right = agrees(
        "corrected one", given["corrected"], truth, control=control, tol=tol, margin=margin
    )
    if "control" not in given:  # the printed formula is the control: its line says so already
        right = Evidence(right.line.rpartition(", control")[0], right.record)
    return [failing, right]


def _poured(printed: Any, truth: Any) -> Any:
    """Numbers of a formula of the wrong shape, read row by row into the right one."""
    if np.size(printed) != np.size(truth):
        raise SettleError("the printed formula has another number of entries: give a control")
    return np.reshape(printed, np.shape(truth))


def _as_evidence(evidence: Iterable[Evidence]) -> list[Evidence]:
    pieces = list(evidence)
    for piece in pieces:
        if not isinstance(piece, Evidence):
            raise SettleError(
                f"evidence must come from agrees, differs, measured; got {piece!r:.60}"
            )
    return pieces


def _as_citation(citation: Iterable[str]) -> tuple[str, ...]:
    if isinstance(citation, str):
        raise SettleError("citation must be a list of keys")
    keys = tuple(citation)
    for key in keys:
        if not isinstance(key, str) or not _KEY.match(key):
            raise SettleError(
                f"{key!r} is no key of the bibliography such as 'werbos1990backpropagation'"
            )
    return keys


def _check_verdict(
    entry: Entry,
    verdict: str | None,
    found: list[Evidence],
    cited: tuple[str, ...],
    because: str,
) -> None:
    if verdict not in VERDICTS:
        raise SettleError(f"the verdict must be one of {VERDICTS}, got {verdict!r}")
    if verdict in ("holds in part", "false") and not because.strip():
        raise SettleError(f"the verdict {verdict!r} needs a reason: because=...")
    if "\n" in because:
        raise SettleError("because must be one line")
    if cited and not entry.by_citation:
        raise SettleError("the catalogue does not let a citation settle this entry")
    if not found:
        if cited:
            return
        raise SettleError("nothing is checked: give formulas, evidence or a citation")
    kinds = {piece.record["kind"] for piece in found}
    if not kinds & _REQUIRED[verdict]:
        needed = " or ".join(sorted(_REQUIRED[verdict]))
        raise SettleError(f"the verdict {verdict!r} needs evidence of the kind {needed}")
    if verdict == "corrected" and not kinds & {"agrees", "measured"}:
        raise SettleError("the verdict 'corrected' needs the corrected form to be checked")
    if verdict == "holds" and kinds & {"differs", "misshapen"}:
        raise SettleError("the verdict 'holds' contradicts the evidence that a form fails")
