"""Where the matrices of a model are: one block for each gate, through all composites."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.cells import (
    LSTM,
    Cell,
    GRUResetBefore,
    Masked,
    OutputFeedback,
    PointwiseCell,
    SecondOrder,
    Stack,
)
from rnncore.cells.base import Array
from rnncore.cells.diagonal import DiagonalLSTM
from rnncore.cells.gru import GRU
from rnncore.cells.memory import MemoryCell
from rnncore.network import Network
from rnncore.params import Params

Model = Cell | Network
Names = Sequence[str] | None


@dataclass(frozen=True, eq=False, repr=False)
class Block:
    """One gate's part of one parameter.

    Attributes
    ----------
    name
        Full name of the parameter, such as ``"cell.0.U"``.
    gate
        Name of the gate, such as ``"f"``; for the second-order cell, whose W holds one
        recurrent matrix for each input, the number of the input; empty for a read-out.
    role
        ``"input"``, ``"recurrent"``, ``"readout"`` or ``"bias"``.
    index
        ``params[name][index]`` is the block.
    mask
        1 where the connection is there, 0 where a :class:`~rnncore.cells.Masked` cuts it; of
        the block's shape.
    """

    name: str
    gate: str
    role: str
    index: tuple[Any, ...]
    mask: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the block, such as (n, D) or (n, n)."""
        return self.mask.shape

    def refuse_cuts(self, what: str) -> None:
        """Raise a ValueError if a mask cuts a connection of this block."""
        if not self.mask.all():
            raise ValueError(f"model: a mask cuts connections of {self}, it cannot be {what}")

    def __repr__(self) -> str:
        return f"{self.name}[{self.gate}]" if self.gate else self.name


class GateBias(NamedTuple):
    """The bias of a keeping gate: its rows, its sign, and the rows of the writing gate."""

    name: str
    recurrent: str | None
    keep: slice
    write: slice | None
    sign: float
    mask: Array

    @property
    def units(self) -> int:
        """n."""
        return self.keep.stop - self.keep.start


class _Leaf(NamedTuple):
    """A cell that is made of no other, with the prefix of its names and its masks."""

    cell: Cell
    prefix: str
    masks: Mapping[str, Array]


def blocks(model: Model) -> list[Block]:
    """All matrices and biases of a model, gate by gate, in the order of the flat view.

    Elementwise parameters (peepholes, decays) and a learned initial state have no block.

    Parameters
    ----------
    model
        A cell or a network.

    Raises
    ------
    TypeError
        If it is neither.

    Examples
    --------
    >>> from rnncore import GRU
    >>> blocks(GRU(2, 3))[:4]
    [W[r], W[z], W[n], U[r]]
    >>> blocks(GRU(2, 3))[3].role
    'recurrent'
    """
    found: list[Block] = []
    cell, prefix = _cell(model)
    masks = {name: np.ones(shape) for name, shape in cell.shapes.items()}
    for part in _parts(cell, prefix, masks):
        found += [part] if isinstance(part, Block) else _of_leaf(part)
    if isinstance(model, Network):
        for name, shape in model.readout.shapes.items():
            role = "readout" if len(shape) == 2 else "bias"
            found.append(Block(f"readout.{name}", "", role, (...,), np.ones(shape)))
    return found


def _cell(model: Model) -> tuple[Cell, str]:
    if isinstance(model, Network):
        return model.cell, "cell."
    if isinstance(model, Cell):
        return model, ""
    raise TypeError(f"model: expected a cell or a Network, got {type(model).__name__}")


def _parts(cell: Cell, prefix: str, masks: Mapping[str, Array]) -> Iterator[_Leaf | Block]:
    """The cells inside a cell, and the read-out of an output feedback."""
    if isinstance(cell, Masked):
        yield from _parts(cell.cell, prefix, {k: masks[k] * cell.mask[k] for k in masks})
    elif isinstance(cell, Stack):
        for i, layer in enumerate(cell.layers):
            yield from _parts(layer, f"{prefix}{i}.", _under(masks, f"{i}."))
    elif isinstance(cell, OutputFeedback):
        yield from _parts(cell.cell, f"{prefix}cell.", _under(masks, "cell."))
        yield Block(f"{prefix}V", "", "readout", (...,), masks["V"])
        yield Block(f"{prefix}b", "", "bias", (...,), masks["b"])
    else:
        yield _Leaf(cell, prefix, masks)


def _under(masks: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {k.removeprefix(prefix): mask for k, mask in masks.items() if k.startswith(prefix)}


def _of_leaf(leaf: _Leaf) -> list[Block]:
    cell, prefix, masks = leaf
    found = []
    roles = {"W": "input", "U": "recurrent", "b": "bias", "b_h": "bias"}
    for name, mask in masks.items():
        if isinstance(cell, SecondOrder) and name == "W":
            for k in range(mask.shape[2]):  # one recurrent matrix for each input
                index = (slice(None), slice(None), k)
                found.append(Block(prefix + name, str(k), "recurrent", index, mask[index]))
        elif name in roles and mask.ndim == (1 if roles[name] == "bias" else 2):
            for gate, cut in _cuts(cell, len(mask)).items():
                found.append(Block(prefix + name, gate, roles[name], (cut,), mask[cut]))
    return found


def _cuts(cell: Cell, rows: int) -> dict[str, slice]:
    """The rows of each gate in a gate-major array."""
    gates: Sequence[str] = ("h",)
    if isinstance(cell, PointwiseCell):
        gates = cell.gates
    elif isinstance(cell, GRUResetBefore):
        gates = ("r", "z", "n")
    n = rows // len(gates)
    return {gate: slice(i * n, (i + 1) * n) for i, gate in enumerate(gates)}


def gate_biases(model: Model, names: Names = None) -> list[GateBias]:
    """The biases of all gates that keep the memory, in the parameters ``names`` or in all."""
    cell, prefix = _cell(model)
    masks = {name: np.ones(shape) for name, shape in cell.shapes.items()}
    found = []
    for part in _parts(cell, prefix, masks):
        gates = None if isinstance(part, Block) else _keeping(part.cell)
        if isinstance(part, Block) or gates is None:
            continue
        (keep, write, sign), mask = gates, part.masks["b"]
        cuts = _cuts(part.cell, len(mask))
        recurrent = f"{part.prefix}b_h" if "b_h" in part.masks else None
        found.append(
            GateBias(
                f"{part.prefix}b", recurrent, cuts[keep], cuts[write] if write else None, sign, mask
            )
        )
    if not found:
        raise ValueError(f"model: no gate of {cell} keeps a memory, there is no bias to set")
    if names is None:
        return found
    unknown = sorted(set(_strings(names, "names")) - {gate.name for gate in found})
    if unknown:
        raise ValueError(
            f"names: {unknown} hold no bias of a keeping gate; there are {[g.name for g in found]}"
        )
    return [gate for gate in found if gate.name in names]


def _keeping(cell: Cell) -> tuple[str, str | None, float] | None:
    """Keeping gate, writing gate, and sign: the keeping factor is sigma(sign * its input)."""
    if isinstance(cell, LSTM):
        if cell.coupled:
            return "i", None, -1.0  # f = 1 - sigma(a) = sigma(-a)
        return ("f", "i", 1.0) if cell.has_forget_gate else None
    if isinstance(cell, MemoryCell):
        return "keep", "write", 1.0
    if isinstance(cell, DiagonalLSTM):
        return "f", None, 1.0  # it writes 1 - f
    return ("z", None, 1.0) if isinstance(cell, GRU | GRUResetBefore) else None


def check(params: Mapping[str, Array], model: Model) -> None:
    """Refuse parameters that do not belong to the model."""
    _cell(model)
    if not isinstance(params, Mapping):
        raise TypeError(f"params: expected Params, got {type(params).__name__}")
    checks.names(params, model.shapes, "params")
    for name, shape in model.shapes.items():
        checks.shape(np.asarray(params[name]), shape, f"params[{name!r}]")


def choose(
    params: Mapping[str, Array],
    model: Model,
    roles: Sequence[str],
    names: Names,
    gates: Names,
) -> list[Block]:
    """The blocks with one of the roles, in the given parameters and gates (None: in all)."""
    check(params, model)
    found = [block for block in blocks(model) if block.role in roles]
    if not found:
        raise ValueError(f"model: has no matrix that is {' or '.join(roles)}")
    for argument, wanted, of in (("names", names, "name"), ("gates", gates, "gate")):
        if wanted is None:
            continue
        there = list(dict.fromkeys(getattr(block, of) for block in found))
        unknown = sorted(set(_strings(wanted, argument)) - set(there))
        if unknown:
            raise ValueError(
                f"{argument}: {unknown} are not among the {' or '.join(roles)} matrices; "
                f"there are {there}"
            )
        found = [block for block in found if getattr(block, of) in wanted]
    return found


def fill(
    params: Mapping[str, Array], chosen: Sequence[Block], draw: Callable[[Block], Array]
) -> Params:
    """Put what ``draw`` makes into each block, with cut connections at zero."""
    arrays = {name: np.array(array) for name, array in params.items()}
    for block in chosen:
        arrays[block.name][block.index] = draw(block) * block.mask
    return Params(arrays)


def _strings(values: Sequence[str], name: str) -> Sequence[str]:
    if isinstance(values, str) or not all(isinstance(value, str) for value in values):
        raise TypeError(f"{name}: expected a sequence of names, got {values!r}")
    return values


def finite(value: float, name: str) -> float:
    """Return ``value`` as a finite float."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    if not isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value}")
    return float(value)


def at_least_zero(value: float, name: str) -> float:
    """Return ``value`` as a finite float of at least 0."""
    if finite(value, name) < 0:
        raise ValueError(f"{name}: expected a number of at least 0, got {value}")
    return float(value)
