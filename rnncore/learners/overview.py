"""All learners in one table, made from the package itself."""

from __future__ import annotations

import html
import importlib
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnncore.cells.base import Cell
from rnncore.learners.base import Learner
from rnncore.losses import SquaredError
from rnncore.network import Network
from rnncore.readouts import Linear

# What the letters in the cards' formulas stand for.
SYMBOLS = {
    "N": "state variables",
    "n": "units",
    "K": "gates",
    "P": "parameters of the cell",
    "T": "time steps of the sequence",
    "h": "length of the hybrid's block",
    "k1": "steps between two backward sweeps",
    "k2": "steps that a backward sweep goes back",
    "c": "chance of a cut",
    "w": "states that one parameter may reach (SnAp)",
}

_KINDS = ("exact", "unbiased", "biased")
_LEARNERS = (
    "BPTT",
    "CheckpointedBPTT",
    "RTRL",
    "Hybrid",
    "DiagonalRTRL",
    "ARTBP",
    "UORO",
    "KFRTRL",
    "ForwardGradient",
    "TruncatedBPTT",
    "SnAp",
    "TruncatedLSTM",
    "RFLO",
    "EProp",
    "RandomEProp",
    "AdaptiveEProp",
    "DNI",
)
# What a learner needs beside the network; one that is not named here needs nothing.
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "TruncatedBPTT": {"k1": 2, "k2": 4},
    "ARTBP": {"cut": 0.1},
    "AdaptiveEProp": {"rate": 0.01, "decay": 0.01},
}
_CELLS = (
    "Vanilla",
    "FullyRecurrent",
    "Leaky",
    "LSTM",
    "MemoryCell",
    "GRU",
    "GRUResetBefore",
    "SecondOrder",
    "FocusedContext",
    "DiagonalLSTM",
    "LinearRecurrentUnit",
)


def _public(module: str, base: type, order: Sequence[str]) -> list[Any]:
    """The concrete subclasses that a package exports: those in ``order``, then any others."""
    package = importlib.import_module(module)
    found = {name: getattr(package, name) for name in package.__all__}
    kept = {
        name: item
        for name, item in found.items()
        if inspect.isclass(item)
        and issubclass(item, base)
        and not inspect.isabstract(item)
        # A base class of learners may be complete, but has no name.
        and (base is not Learner or hasattr(item, "name"))
    }
    known = [name for name in order if name in kept]
    return [kept[name] for name in [*known, *sorted(set(kept) - set(known))]]


def every_learner() -> list[type[Learner]]:
    """Every learner that :mod:`rnncore.learners` exports: exact, then unbiased, then biased.

    Examples
    --------
    >>> [learner.__name__ for learner in every_learner()][:4]
    ['BPTT', 'CheckpointedBPTT', 'RTRL', 'Hybrid']
    """
    found = _public("rnncore.learners", Learner, _LEARNERS)
    return sorted(found, key=lambda learner: _KINDS.index(learner.kind))


def make_learner(learner: type[Learner], network: Network) -> Learner:
    """A learner for a network, with the arguments that this table uses where it needs any.

    Raises
    ------
    ValueError, TypeError
        If it has no meaning for this network; the message says why.

    Examples
    --------
    >>> from rnncore import Vanilla
    >>> from rnncore.learners import TruncatedBPTT
    >>> network = Network(Vanilla(2, 3), Linear(3, 1), SquaredError())
    >>> make_learner(TruncatedBPTT, network)
    TruncatedBPTT(Vanilla(input_size=2, state_size=3), k1=2, k2=4)
    """
    maker: Callable[..., Learner] = learner
    return maker(network, **_ARGUMENTS.get(learner.__name__, {}))


def every_cell(inputs: int = 2, units: int = 3) -> dict[str, Cell]:
    """One of each cell that :mod:`rnncore.cells` exports, variants and composites, by name."""
    from rnncore.cells import GRU, LSTM, Masked, OutputFeedback, Stack, Vanilla

    composites = {Masked, OutputFeedback, Stack}
    made: dict[str, Cell] = {}
    for cell in _public("rnncore.cells", Cell, _CELLS):
        if cell not in composites:
            made[cell.__name__] = cell(inputs, units)
        if cell is LSTM:
            made["LSTM, no forget gate"] = LSTM(inputs, units, forget_gate=False)
            made["LSTM, peepholes"] = LSTM(inputs, units, peepholes=True)
            made["LSTM, coupled"] = LSTM(inputs, units, coupled=True)
    ring = np.eye(units) + np.roll(np.eye(units), 1, axis=0)
    made["Masked Vanilla"] = Masked(Vanilla(inputs, units), {"U": ring})
    made["Masked LSTM"] = Masked(LSTM(inputs, units), {"U": ring})
    made["Stack"] = Stack([LSTM(inputs, units), GRU(units, units)])
    made["OutputFeedback"] = OutputFeedback(Vanilla(inputs + 1, units), 1, "tanh")
    return made


def applies(learner: type[Learner]) -> dict[str, str]:
    """On which cells and composites a learner can be used.

    It is made for a small network of each; the network has a linear read-out and the
    squared error.

    Returns
    -------
    dict
        For each name of :func:`every_cell` an empty text, or why the learner refuses it.
    """
    refusals = {}
    for name, cell in every_cell().items():
        try:
            make_learner(learner, Network(cell, Linear(cell.output_size, 2), SquaredError()))
        except (ValueError, TypeError) as refusal:
            refusals[name] = str(refusal).removeprefix("network: ")
        else:
            refusals[name] = ""
    return refusals


class LearnerRow(NamedTuple):
    """What the table says about one learner.

    ``time`` and ``memory`` are orders per time step, in the letters of ``SYMBOLS``;
    ``limit`` is where a biased learner becomes exact; ``cells`` is what :func:`applies` says.
    """

    learner: type[Learner]
    name: str
    kind: str
    time: str
    memory: str
    online: bool
    random: bool
    limit: str
    reference: str
    cells: dict[str, str]


class LearnerTable:
    """The learners side by side: class, cost, source, and the cells that each works on.

    As text it prints; in a notebook it shows as HTML tables, each of which scrolls within its
    own box.

    Attributes
    ----------
    rows
        A list of :class:`LearnerRow`, one for each learner.
    """

    def __init__(self, rows: Sequence[LearnerRow]) -> None:
        self.rows = list(rows)

    def text(self) -> str:
        """The table as plain text: costs, then the cells that each learner refuses."""
        head = ("learner", "class", "time", "memory", "runs", "exact if", "source")
        lines = [head, *(_cost_cells(row) for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        refused = []
        for row in self.rows:
            names = [name for name, why in row.cells.items() if why]
            refused.append(f"{row.name}: {'; '.join(names) or 'none'}")
        return "\n".join([*padded, "", "cells refused", *refused])

    def costs_html(self, link: Callable[[type[Learner]], str] | None = None) -> str:
        """Class, cost, memory, online or offline, limit and source, as an HTML table.

        ``link`` gives the address of a learner's documentation.
        """
        head = ["class", "time per step", "memory", "runs", "exact if", "source"]
        body = []
        for row in self.rows:
            name, kind, *costs, runs, limit, reference = _cost_cells(row)
            narrow = [f"<td>{cell}</td>" for cell in (kind, *map(_formula, costs), runs)]
            wide = [
                f'<td class="wide">{cell}</td>'
                for cell in (_formula(limit), html.escape(reference))
            ]
            body.append(_line(_name(row, link), [*narrow, *wide]))
        return _table("The learners: class, cost and source", ["learner", *head], body)

    def cells_html(self, link: Callable[[type[Learner]], str] | None = None) -> str:
        """Which learner works on which cell, as an HTML table. A "no" links to the reason."""
        body = []
        for row in self.rows:
            marks = [_mark(row, name) for name in row.cells]
            body.append(_line(_name(row, link), marks))
        names = [f"<span>{html.escape(name)}</span>" for name in self.rows[0].cells]
        caption = "Which learner works on which cell"
        return _table(caption, ["learner", *names], body, "learner-cells")

    def refusals_html(self) -> str:
        """Why a learner does not work on a cell: the messages of its constructor."""
        parts = []
        for row in self.rows:
            items = [
                f'<li id="{_anchor(row, name)}">{html.escape(name)}: {html.escape(why)}</li>'
                for name, why in row.cells.items()
                if why
            ]
            if items:
                summary = f"<summary>{html.escape(row.name)} ({len(items)} cells)</summary>"
                parts.append(f"<details>{summary}<ul>{''.join(items)}</ul></details>")
        return "\n".join(parts)

    def symbols_html(self) -> str:
        """What the letters stand for, as far as the formulas of the table use them."""
        used = {letter for row in self.rows for letter in symbols(row.time + " " + row.memory)}
        said = [
            f"{_formula(letter)} {html.escape(meaning)}"
            for letter, meaning in SYMBOLS.items()
            if letter in used
        ]
        return f"<p>{', '.join(said)}.</p>"

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return "\n".join(
            [self.costs_html(), self.symbols_html(), self.cells_html(), self.refusals_html()]
        )


def learner_table() -> LearnerTable:
    """Every learner × every cell, as the package itself says.

    Examples
    --------
    >>> row = learner_table().rows[0]
    >>> row.name, row.kind, row.time, row.memory, row.online, row.cells["GRU"]
    ('BPTT', 'exact', 'P', 'T N', False, '')
    """
    return LearnerTable(
        [
            LearnerRow(
                learner,
                learner.name,
                learner.kind,
                learner.card.time,
                learner.card.memory,
                learner.online,
                learner.random,
                learner.card.limit,
                learner.card.reference,
                applies(learner),
            )
            for learner in every_learner()
        ]
    )


def symbols(formula: str) -> set[str]:
    """The letters in a card's formula.

    Examples
    --------
    >>> sorted(symbols("N P + N^2 P / h"))
    ['N', 'P', 'h']
    """
    return set(re.findall(r"\b[A-Za-z][0-9]?\b", formula))


# -- HTML ------------------------------------------------------------------------

_STYLE = """<style>
.learner-box { overflow-x: auto; max-width: 100%; margin: 1rem 0; }
.learner-box table.learners { border-collapse: collapse; font-size: 0.9rem; margin: 0; width: auto;
  display: table; }
.learners caption { text-align: left; caption-side: top; padding: 0.3rem 0; color: inherit; }
.learners th, .learners td { border-bottom: 1px solid var(--pst-color-border, #aaa);
  padding: 0.35rem 0.6rem; text-align: left; vertical-align: top; background: none;
  color: inherit; }
.learners thead th { vertical-align: bottom; }
.learners tr > th:first-child { white-space: nowrap; position: sticky; left: 0; z-index: 1;
  padding-left: 0.2rem;
  background: var(--pst-color-background, var(--jp-layout-color0, Canvas)); }
.learners .wide { min-width: 8rem; }
.learners td.wide:last-child { min-width: 17rem; }
.learners .formula { white-space: nowrap; }
.learner-cells td { text-align: center; padding: 0.35rem 0.2rem; }
.learner-cells thead th { padding: 0.35rem 0.2rem; }
.learner-cells thead th span { writing-mode: vertical-rl; transform: rotate(180deg);
  white-space: nowrap; }
</style>"""


def _cost_cells(row: LearnerRow) -> tuple[str, ...]:
    runs = ("online" if row.online else "offline") + (", random" if row.random else "")
    limit = "always" if row.kind == "exact" else row.limit or "in the mean"
    return row.name, row.kind, row.time, row.memory, runs, limit, row.reference


def _table(caption: str, head: Sequence[str], body: Sequence[str], css: str = "") -> str:
    """A table in a box of its own, which scrolls sideways and takes the keyboard's focus."""
    columns = "".join(f'<th scope="col">{name}</th>' for name in head)
    return (
        f'{_STYLE}<div class="learner-box" role="region" aria-label="{caption}" tabindex="0">'
        f'<table class="{f"learners {css}".strip()}"><caption>{caption}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _line(name: str, cells: Sequence[str]) -> str:
    return f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>\n'


def _name(row: LearnerRow, link: Callable[[type[Learner]], str] | None) -> str:
    name = html.escape(row.name)
    return name if link is None else f'<a href="{html.escape(link(row.learner))}">{name}</a>'


def _mark(row: LearnerRow, name: str) -> str:
    if not row.cells[name]:
        return '<td><span role="img" aria-label="yes">✓</span></td>'
    return f'<td><a href="#{_anchor(row, name)}">no</a></td>'


def _anchor(row: LearnerRow, name: str) -> str:
    return "refused-" + re.sub(r"[^a-z0-9]+", "-", f"{row.learner.__name__}-{name}".lower())


def _formula(text: str) -> str:
    """A card's formula with italic letters, exponents, indices and roots."""
    if text in ("always", "in the mean"):
        return text
    said = html.escape(text)
    said = re.sub(r"sqrt\((\w)\)", r"√\1", said)
    said = re.sub(r"&gt;=", "≥", said)
    said = re.sub(r"\b(?<!&)([A-Za-z])([0-9]?)\b(?!;)", _letter, said)
    said = re.sub(r"\^([0-9]+)", r"<sup>\1</sup>", said)
    return f'<span class="formula">{said}</span>' if len(text) < 24 else said


def _letter(match: re.Match[str]) -> str:
    index = f"<sub>{match[2]}</sub>" if match[2] else ""
    # An "a" among words is an article, not a letter of a formula.
    return match[0] if match[1] == "a" else f"<i>{match[1]}</i>{index}"
