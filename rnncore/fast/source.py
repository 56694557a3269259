"""The source of a cell's kernels, written from the graph of its pointwise function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnncore.cells.pointwise import PointwiseCell
from rnncore.fast.plan import Part, plan, reachable
from rnncore.fast.trace import Graph

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"} | {
    "greater": ">",
    "greater_equal": ">=",
    "less": "<",
    "less_equal": "<=",
    "equal": "==",
    "not_equal": "!=",
}
OWN = ("tanh", "exp")  # compiled by rnncore.fast.elementary; the others are NumPy's
SHORT = 40  # an expression of so many characters gets a name of its own

# Block k of each kind as a flat array, and where in it unit j of sequence i is at step t. There
# are ``rows`` sequences, ``n`` units, ``wide`` numbers in all gates and ``seen`` in what is shown.
BLOCKS = {
    "u": ("flat_u[{k} * n :]", "(t * rows + i) * wide"),  # pre-activations; later their adjoints
    "v": ("flat_v[{k} * n :]", "(t * rows + i) * wide"),  # the recurrent ones, where apart
    "r": ("flat_r[{k} * n :]", "i * wide"),  # the recurrent product, where not
    "b": ("b[{k} * n :]", ""),  # biases
    "c": ("c[{k} * n :]", ""),  # recurrent biases
    "s": ("s[{k}].reshape(-1)", "(t * rows + i) * n"),  # the state before the step
    "new": ("s[{k}].reshape(-1)[s.shape[2] * n :]", "(t * rows + i) * n"),  # and after it
    "q": ("q[{k}]", ""),  # what depends on the parameters of a unit alone
    "e": ("flat_e[{k} * n :]", "(t * rows + i) * seen"),  # what the step's own loss says
    "bar": ("bar[{k}].reshape(-1)", "i * n"),  # adjoints from later steps, past the product
    "back": ("flat_back", "i * n"),  # and through it
    "p_bar": ("p_bar[{k}]", ""),  # adjoints of the elementwise parameters, summed up
}

UNITS = """
@njit(pipeline_class=Apart, **OPTIONS)
def {name}_units(t, rows, n, wide, seen, {blocks}):
    for i in range(rows):
{offsets}
        for j in range(n):
{lines}
"""
STEP = """
@njit(**OPTIONS)
def {name}_step(t, {arrays}):
    n = s.shape[3]
{flat}
{views}
    {name}_units(
        np.uint64(t), np.uint64(s.shape[2]), np.uint64(n), np.uint64(u.shape[2]),
        np.uint64({shown} * n), {blocks}
    )
"""
WHOLE = """
@njit(**OPTIONS)
def {name}(matrix, {arrays}):
    n, steps = s.shape[3], s.shape[1] - 1
    rows, units, wide = np.uint64(s.shape[2]), np.uint64(n), np.uint64(u.shape[2])
    seen, zero = np.uint64({shown} * n), np.uint64(0)
    hidden, flat_matrix = s[0].reshape(-1), matrix.reshape(-1)
{flat}
{views}
    for k in range(steps):
        t = np.uint64({step})
{calls}
"""


class Kernels(NamedTuple):
    """The source of a cell's kernels, and the nodes of the parameters alone that they take."""

    source: str
    graph: Graph
    alone: tuple[int, ...]


def generate(cell: PointwiseCell) -> Kernels:
    """The source of the kernels of a cell.

    Raises
    ------
    ValueError
        If its functions cannot be traced; see :func:`~rnncore.fast.trace.trace`.

    Examples
    --------
    >>> from rnncore import Vanilla
    >>> kernels = generate(Vanilla(2, 3))
    >>> print(kernels.source.split("for j in range(n):")[1].split("@njit")[0].strip())
    u0_j = u0[at_u + j]
                r0_j = r0[at_r + j]
                b0_j = b0[j]
                t20 = tanh((u0_j + r0_j) + b0_j)
                new0[at_new + j] = t20
                u0[at_u + j] = t20
    """
    graph, *parts = plan(cell)
    writer = Writer(cell, graph, parts)
    text = [form for part in parts for form in writer.functions(part)]
    return Kernels("\n".join(text), graph, writer.alone)


class Writer:
    """Writes the kernels of one cell, which share a graph."""

    def __init__(self, cell: PointwiseCell, graph: Graph, parts: Sequence[Part]) -> None:
        self.cell, self.graph = cell, graph
        self.alone = tuple(self._alone([node for part in parts for node in part.stores.values()]))

    def _alone(self, outputs: Sequence[int]) -> list[int]:
        """Nodes of the parameters alone which another node, or a result, needs."""
        found = {node for node in outputs if self.graph.depends(node) == {"p"}}
        for node in reachable(self.graph, outputs):
            if self.graph.depends(node) != {"p"}:
                args = self.graph.nodes[node].args
                found.update(arg for arg in args if self.graph.depends(arg) == {"p"})
        return sorted(found)

    def functions(self, part: Part) -> list[str]:
        """All units at one step; the same with its arrays taken apart; and all steps in turn."""
        names, lines = self._body(part)
        kinds = {name: name.rstrip("0123456789") for name in names}
        offsets = {kind: BLOCKS[kind][1] for kind in kinds.values() if BLOCKS[kind][1]}
        views = [
            f"    {name} = {BLOCKS[kind][0].format(k=name[len(kind) :])}"
            for name, kind in kinds.items()
        ]
        used = {"u", "v", "r", "e", "back"} & set(part.kinds)
        form = {
            "name": part.name,
            "arrays": ", ".join(part.kinds),
            "blocks": ", ".join(names),
            "shown": self.cell.shown,
            "step": "k" if part.name == "forward" else "steps - 1 - k",
            "offsets": _indented([f"at_{kind} = {place}" for kind, place in offsets.items()], 8),
            "lines": _indented(lines, 12),
            "flat": _indented([f"flat_{kind} = {kind}.reshape(-1)" for kind in sorted(used)], 4),
            "views": "\n".join(views),
            "calls": _indented(self._calls(part, names), 8),
        }
        return [template.format(**form) for template in (UNITS, STEP, WHOLE)]

    def _calls(self, part: Part, names: Sequence[str]) -> list[str]:
        """What is done at each step: the recurrent product, and the units."""
        calls = [f"{part.name}_units(t, rows, units, wide, seen, {', '.join(names)})"]
        if not self.cell.recurrent:
            return calls
        if part.name == "forward":
            into = "flat_v, t * rows * wide" if self.cell.apart else "flat_r, zero"
            product = f"units, wide, hidden, t * rows * units, flat_matrix, {into}"
            return [f"few_rows(rows, {product})", *calls]
        source = "flat_v" if self.cell.apart else "flat_u"
        product = f"wide, units, {source}, t * rows * wide, flat_matrix, flat_back, zero"
        return [*calls, f"few_rows(rows, {product})"]

    def _body(self, part: Part) -> tuple[list[str], list[str]]:
        """The blocks that a kernel takes, and its lines: loads, arithmetic, stores."""
        uses = self._uses([*part.stores.values()])
        written: dict[int, str] = {}
        blocks: dict[str, None] = {}
        lines: list[str] = []
        for node in uses:
            op, args, value = self.graph.nodes[node]
            if op == "input" or node in self.alone:
                kind, k = ("q", self.alone.index(node)) if node in self.alone else value
                name = written[node] = f"{kind}{k}_j"
                blocks[f"{kind}{k}"] = None
                lines.append(f"{name} = {_place(kind, k)}")
            elif op == "constant":
                written[node] = _number(value[0])
            else:
                text = self._expression(op, [written[arg] for arg in args])
                if uses[node] == 1 and len(text) < SHORT:
                    written[node] = text if text.endswith(")") and op in OWN else f"({text})"
                else:
                    written[node] = f"t{node}"
                    lines.append(f"t{node} = {text}")
        for (kind, k), node in part.stores.items():
            blocks[f"{kind}{k}"] = None
            sign = "+=" if kind == "p_bar" else "="
            lines.append(f"{_place(kind, k)} {sign} {_bare(written[node])}")
        return [*blocks], lines

    def _uses(self, outputs: Sequence[int]) -> dict[int, int]:
        """How often each node is needed, in the order in which they can be worked out."""
        uses: dict[int, int] = {}
        stack = [*outputs]
        while stack:
            node = stack.pop()
            uses[node] = uses.get(node, 0) + 1
            if uses[node] == 1 and node not in self.alone:
                stack += self.graph.nodes[node].args
        return dict(sorted(uses.items()))

    def _expression(self, op: str, args: Sequence[str]) -> str:
        if op == "where":
            return f"{args[1]} if {args[0]} else {args[2]}"
        if op == "negative":
            return f"-{args[0]}"
        if op in INFIX:
            return f"{args[0]} {INFIX[op]} {args[1]}"
        return f"{op if op in OWN else f'np.{op}'}({', '.join(map(_bare, args))})"


def _place(kind: str, k: int) -> str:
    return f"{kind}{k}[at_{kind} + j]" if BLOCKS[kind][1] else f"{kind}{k}[j]"


def _number(value: float) -> str:
    return f"real({value!r})" if np.isfinite(value) else f"real(np.{value})".replace("np.-", "-np.")


def _indented(lines: Sequence[str], width: int) -> str:
    return "\n".join(" " * width + line for line in lines)


def _bare(text: str) -> str:
    """Without the parentheses around the whole."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for i, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return text[1:-1] if i == len(text) - 1 else text
    return text
