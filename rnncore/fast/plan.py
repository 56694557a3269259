"""What the kernels of a cell work out: its forward step, and the chain rule backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rnncore.cells.pointwise import PointwiseCell
from rnncore.fast.trace import Graph, Traced, trace

Slot = tuple[str, int]  # block k of one kind of array

COSTLY = ("tanh", "exp", "expm1", "log", "log1p", "sin", "cos", "power")
FORWARD = ("u", "v", "r", "b", "c", "s", "q")
BACKWARD = ("u", "v", "s", "q", "e", "bar", "back", "p_bar")


class Part(NamedTuple):
    """One kernel: the kinds of arrays that it gets, and which node it stores where.

    What goes into ``p_bar`` is added to what is there.
    """

    name: str
    kinds: tuple[str, ...]
    stores: Mapping[Slot, int]


def plan(cell: PointwiseCell) -> tuple[Graph, Part, Part]:
    """The two kernels of a cell, on one graph.

    Raises
    ------
    ValueError
        If the cell's functions cannot be traced; see :func:`~rnncore.fast.trace.trace`.
    """
    traced = trace(cell)
    graph = traced.graph
    backward = _chain_rule(cell, traced)
    kept = _kept(cell, traced, [*backward.values()])
    at = {node: graph.input(*slot).node for slot, node in kept.items()}
    backward = dict(zip(backward, replace(graph, [*backward.values()], at), strict=True))
    forward = _forward(cell, traced, kept, [*backward.values()])
    return graph, Part("forward", FORWARD, forward), Part("backward", BACKWARD, backward)


def _chain_rule(cell: PointwiseCell, traced: Traced) -> dict[Slot, int]:
    """One step of the chain rule with :class:`~rnncore.cells.tape.Partials`, on symbols."""
    graph, d = traced.graph, traced.partials
    now = {name: graph.input("bar", k) for k, name in enumerate(cell.states)}
    if cell.recurrent:
        now[cell.states[0]] = now[cell.states[0]] + graph.input("back", 0)
    for k, name in enumerate(cell.states[: cell.shown]):
        now[name] = now[name] + graph.input("e", k)
    for (out, by), partial in reversed([*d.within.items()]):
        now[by] = now[by] + now[out] * partial
    targets = [("u", cell.gates, d.du), ("bar", cell.states, d.ds)]
    if cell.recurrent and cell.apart:
        targets.append(("v", cell.gates, d.dv))
    stores = {}
    for kind, names, partials in [*targets, ("p_bar", cell.elementwise, d.dp)]:
        for k, name in enumerate(names):
            terms = [now[out] * partial for (out, by), partial in partials.items() if by == name]
            stores[kind, k] = graph.node(sum(terms[1:], start=terms[0]) if terms else 0)
    return stores


def _kept(cell: PointwiseCell, traced: Traced, backward: Sequence[int]) -> dict[Slot, int]:
    """What the forward kernel leaves for the backward one in place of pre-activations.

    A costly function is better read back than worked out again. It takes the place of a
    pre-activation that is of no use once all that is kept is there, so it needs no memory.
    """
    graph = traced.graph
    made = set(reachable(graph, [block.node for block in traced.blocks]))
    wanted = [
        node
        for node in reachable(graph, backward)
        if node in made and graph.nodes[node].op in COSTLY and graph.depends(node) != {"p"}
    ]
    kinds = ("u", "v") if cell.recurrent and cell.apart else ("u",)
    slots = [(kind, k) for kind in kinds for k in range(len(cell.gates))]
    for count in range(len(wanted), 0, -1):
        needed = reachable(graph, backward, wanted[:count])
        free = [slot for slot in slots if graph.input(*slot).node not in needed]
        if len(free) >= count:
            return dict(zip(free, wanted[:count], strict=False))
    return {}


def _forward(
    cell: PointwiseCell, traced: Traced, kept: Mapping[Slot, int], backward: Sequence[int]
) -> dict[Slot, int]:
    """Complete the pre-activations, make the new state, and leave what comes back is for."""
    graph, whole = traced.graph, {}
    for k in range(len(cell.gates)):
        total = graph.input("u", k)
        if cell.recurrent and not cell.apart:
            total = total + graph.input("r", k)
        if cell.bias or (cell.recurrent_bias and not cell.apart):
            total = total + graph.input("b", k)
        whole["u", k] = total.node
        if cell.recurrent and cell.apart and cell.recurrent_bias:
            whole["v", k] = (graph.input("v", k) + graph.input("c", k)).node
    changed = {graph.input(*slot).node: node for slot, node in whole.items()}
    stores = {("new", k): block.node for k, block in enumerate(traced.blocks)}
    stores |= kept
    nodes = replace(graph, [*stores.values()], changed)
    needed = reachable(graph, backward)
    read = {
        slot: node
        for slot, node in whole.items()
        if slot not in kept and graph.input(*slot).node in needed
    }
    return read | dict(zip(stores, nodes, strict=True))


def reachable(graph: Graph, outputs: Sequence[int], cut: Sequence[int] = ()) -> list[int]:
    """The nodes that some others need, in order; what is ``cut`` needs none itself."""
    found: set[int] = set()
    stack = [*outputs]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            if node not in cut:
                stack += graph.nodes[node].args
    return sorted(found)


def replace(graph: Graph, nodes: Sequence[int], changed: Mapping[int, int]) -> list[int]:
    """The same expressions with other nodes in the places of some."""
    done = dict(changed)

    def visit(node: int) -> int:
        if node not in done:
            op, args, value = graph.nodes[node]
            done[node] = graph.add(op, *[visit(arg) for arg in args], value=value)
        return done[node]

    return [visit(node) for node in nodes]
