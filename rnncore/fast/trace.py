"""Pointwise functions as graphs: a cell's own functions, called once with symbols.

A pointwise function is elementwise, so one call on symbolic numbers tells all that it does.
Each operation leaves a node; what is worked out twice is one node.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.tape import Partials

UNARY = ("tanh", "exp", "expm1", "log", "log1p", "sin", "cos", "sqrt", "negative", "absolute")
BINARY = ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum")
COMPARE = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
LOGIC = {"bitwise_and": "multiply", "logical_and": "multiply"} | {
    "bitwise_or": "maximum",
    "logical_or": "maximum",
    "invert": "equal",
    "logical_not": "equal",
}
DECISIONS = 6  # conditions that one function may branch on: each doubles the paths through it


class UntraceableError(Exception):
    """Why a function is not a graph of elementwise operations."""


class UndecidedError(Exception):
    """A condition that was asked for its truth, with the node that it is."""

    def __init__(self, node: int) -> None:
        super().__init__(node)
        self.node = node


class Node(NamedTuple):
    """One operation. ``args`` are numbers of nodes; inputs and constants have a ``value``."""

    op: str
    args: tuple[int, ...] = ()
    value: Any = None


class Graph:
    """Operations in the order in which they can be carried out, each one once."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.decided: dict[int, bool] = {}
        self._known: dict[Node, int] = {}
        self._depends: list[frozenset[str]] = []

    def add(self, op: str, *args: int, value: Any = None) -> int:
        """The number of that operation, which is new or known."""
        node = Node(op, args, value)
        if node not in self._known:
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
            own = [value[0]] if op == "input" else []
            self._depends.append(frozenset(own).union(*[self._depends[arg] for arg in args]))
        return self._known[node]

    def depends(self, node: int) -> frozenset[str]:
        """The kinds of inputs that a node is made from."""
        return self._depends[node]

    def input(self, kind: str, k: int) -> Symbol:
        """The symbol of block k of one kind, such as the k-th of the old state."""
        return Symbol(self, self.add("input", value=(kind, k)))

    def constant(self, value: Any) -> int:
        # The sign of zero counts: 0.0 and -0.0 are equal, and so would be one node.
        number = float(value)
        return self.add("constant", value=(number, bool(np.signbit(number))))

    def number(self, node: int) -> float | None:
        """The value of a constant, and None of anything else."""
        op, _, value = self.nodes[node]
        return value[0] if op == "constant" else None

    def node(self, value: Any) -> int:
        """The node of a symbol, or of a number."""
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.item()
        if isinstance(value, Symbol):
            return value.node
        if isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating)):
            return self.constant(value)
        what = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        raise UntraceableError(f"it takes {what}, where only numbers and its arguments may stand")

    def values(self, nodes: Sequence[int], p: Sequence[np.ndarray]) -> list[Any]:
        """The values of nodes that depend on the elementwise parameters ``p`` alone."""
        known: dict[int, Any] = {}

        def value(node: int) -> Any:
            if node not in known:
                op, args, own = self.nodes[node]
                if op == "input":
                    known[node] = p[own[1]]
                elif op == "constant":
                    known[node] = own[0]
                else:
                    known[node] = getattr(np, op)(*[value(arg) for arg in args])
            return known[node]

        return [value(node) for node in nodes]

    def real(self, node: int) -> int:
        """A truth value as 0 or 1."""
        if self.nodes[node].op not in COMPARE:
            return node
        return self.add("where", node, self.constant(1), self.constant(0))

    def _truth(self, node: int) -> int:
        """A number as a truth value: whether it is not 0."""
        if self.nodes[node].op in COMPARE:
            return node
        return self.add("not_equal", node, self.constant(0))

    def apply(self, op: str, *values: Any) -> Symbol:
        """The symbol of an operation on symbols and numbers."""
        nodes = [self.node(value) for value in values]
        if op in LOGIC:  # with truth values as 0 and 1: and, or, and "is it 0?" for not
            nodes = [self._truth(node) for node in nodes]
            nodes += [self.constant(0)] * (2 - len(nodes))
        return Symbol(self, self._simple(LOGIC.get(op, op), [self.real(node) for node in nodes]))

    def where(self, condition: Any, yes: Any, no: Any) -> Symbol:
        """One symbol where the condition holds, another one where it does not."""
        test = self._truth(self.node(condition))
        a, b = self.real(self.node(yes)), self.real(self.node(no))
        return Symbol(self, a if a == b else self.add("where", test, a, b))

    def _simple(self, op: str, nodes: Sequence[int]) -> int:
        """An operation, without those that change nothing: x + 0, 1 x, x^1, and whole powers."""
        numbers = [self.number(node) for node in nodes]
        if None not in numbers and op not in COMPARE:
            return self.constant(getattr(np, op)(*numbers))
        if op == "positive" or (op in ("subtract", "add") and numbers[-1] == 0):
            return nodes[0]
        if op in ("multiply", "divide", "power") and numbers[-1] == 1:
            return nodes[0]
        if (op, numbers[0]) in (("add", 0), ("multiply", 1)):
            return nodes[1]
        if op == "power" and numbers[1] in (2, 3):
            square = self.add("multiply", nodes[0], nodes[0])
            return square if numbers[1] == 2 else self.add("multiply", square, nodes[0])
        if op not in (*UNARY, *BINARY, *COMPARE):
            raise UntraceableError(f"np.{op} is not among the operations that can be compiled")
        return self.add(op, *nodes)


class Symbol(NDArrayOperatorsMixin):
    """Stands for an array in a pointwise function and keeps a record of what is done to it."""

    dtype = np.dtype(float)
    shape: tuple[int, ...] = ()
    ndim = 0

    def __init__(self, graph: Graph, node: int) -> None:
        self.graph, self.node = graph, node

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", (None,))[0]
        if method != "__call__" or kwargs:
            raise UntraceableError(f"np.{ufunc.__name__} is not used elementwise and plainly")
        result = self.graph.apply(ufunc.__name__, *inputs)
        if out is None:
            return result
        if not isinstance(out, Symbol):
            raise UntraceableError(f"np.{ufunc.__name__} writes into an array of its own")
        out.node = result.node  # in place: whoever holds the array sees the change
        return out

    def __array_function__(
        self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any
    ) -> Any:
        if func not in FUNCTIONS:
            raise UntraceableError(
                f"np.{func.__name__} is not among the operations that can be compiled"
            )
        return FUNCTIONS[func](self.graph, *args)

    def __bool__(self) -> bool:
        if self.node not in self.graph.decided:
            raise UndecidedError(self.node)
        return self.graph.decided[self.node]

    __hash__ = None  # type: ignore[assignment]

    @property
    def real(self) -> Symbol:
        return self

    def astype(self, dtype: Any, **kwargs: Any) -> Symbol:
        """The same number in another precision: a kernel has one precision throughout."""
        if np.dtype(dtype).kind != "f":
            raise UntraceableError(f"it is turned into {np.dtype(dtype)}")
        return Symbol(self.graph, self.graph.real(self.node))

    def copy(self) -> Symbol:
        return Symbol(self.graph, self.node)


def _method(name: str) -> Callable[[Symbol], Symbol]:
    return lambda symbol: symbol.graph.apply(name, symbol)


for _name in UNARY:  # NumPy asks for these where np.asarray has put a symbol into an array
    setattr(Symbol, _name, _method(_name))

FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.ones_like: lambda graph, *_: Symbol(graph, graph.constant(1)),
    np.zeros_like: lambda graph, *_: Symbol(graph, graph.constant(0)),
    np.full_like: lambda graph, _, value, *rest: Symbol(graph, graph.node(value)),
    np.broadcast_to: lambda graph, a, *_: Symbol(graph, graph.node(a)),
    np.result_type: lambda *_: Symbol.dtype,
    np.shape: lambda *_: (),
    np.real: lambda graph, a: Symbol(graph, graph.node(a)),
    np.copy: lambda graph, a, *_: Symbol(graph, graph.node(a)),
    np.where: lambda graph, *args: graph.where(*args),
    np.clip: lambda graph, a, low, high, *_: np.minimum(np.maximum(a, low), high),
}


class Traced(NamedTuple):
    """A cell's two functions on one graph: new state blocks, and partials, as symbols."""

    graph: Graph
    blocks: tuple[Symbol, ...]
    partials: Partials


def trace(cell: PointwiseCell) -> Traced:
    """Call the pointwise function and the partials of a cell with symbols.

    Raises
    ------
    ValueError
        If they do anything but elementwise arithmetic on their arguments; it says what.
    """
    try:
        first, second = _trace(cell), _trace(cell)
        if first.graph.nodes != second.graph.nodes:
            raise UntraceableError("it is not the same from one call to the next")
    except Exception as error:
        name = f"{type(cell).__module__}.{type(cell).__qualname__}"
        raise ValueError(
            f"cell: the pointwise function of {name} cannot be compiled: {error}. "
            f"Use rnncore.BPTT, which takes any"
        ) from error
    return first


def _trace(cell: PointwiseCell) -> Traced:
    graph = Graph()
    recurrent = len(cell.gates) if cell.recurrent and cell.apart else 0
    counts = {"s": len(cell.states), "u": len(cell.gates), "v": recurrent}
    counts["p"] = len(cell.elementwise)

    def run() -> list[Any]:
        s, u, v, p = (
            _array([graph.input(kind, k) for k in range(m)]) for kind, m in counts.items()
        )
        blocks, cache = cell.pointwise(s, u, v, tuple(p))
        return [dict(enumerate(blocks)), *cell.partials(cache)]

    blocks, *partials = _paths(graph, run)
    return Traced(graph, tuple(blocks.values()), Partials(*partials))


def _array(symbols: Sequence[Symbol]) -> np.ndarray:
    """Blocks one after the other, as a pointwise function gets them."""
    array = np.empty(len(symbols), object)
    array[:] = symbols
    return array


def _paths(graph: Graph, run: Callable[[], list[Any]]) -> list[Any]:
    """What a function gives, over all of its branches.

    NumPy's comparisons of symbols that np.asarray has put into an array end in a question for
    their truth. The function is then called once for either answer.
    """
    try:
        return [{key: _symbol(graph, a) for key, a in part.items()} for part in run()]
    except UndecidedError as question:
        node = question.node
    if len(graph.decided) == DECISIONS:
        raise UntraceableError(f"it branches on more than {DECISIONS} conditions")
    ways = []
    for answer in (True, False):
        graph.decided[node] = answer
        try:
            ways.append(_paths(graph, run))
        finally:
            del graph.decided[node]
    yes, no = ways
    if any(operator.ne(list(a), list(b)) for a, b in zip(yes, no, strict=True)):
        raise UntraceableError("its branches do not give the same partials")
    test = Symbol(graph, node)
    return [
        {key: graph.where(test, a[key], b[key]) for key in a} for a, b in zip(yes, no, strict=True)
    ]


def _symbol(graph: Graph, value: Any) -> Symbol:
    return Symbol(graph, graph.real(graph.node(value)))
