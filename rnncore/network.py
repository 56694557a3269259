"""A network: a cell, a read-out and a loss, and its forward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.cells.base import Cell
from rnncore.data import Batch
from rnncore.losses import Loss
from rnncore.params import Params
from rnncore.readouts import Readout, Units

Array = np.ndarray


class Trajectory(NamedTuple):
    """What a forward pass shows.

    Attributes
    ----------
    states
        (T + 1, B, N); ``states[0]`` is the initial state, ``states[t + 1]`` the state
        after ``inputs[t]`` (and after forcing, where a teacher forces).
    outputs
        (T, B, O), what the units gave before any forcing.
    losses
        (T,), each the mean over the batch; ``None`` without targets.
    loss
        Their sum; ``None`` without targets.
    """

    states: Array
    outputs: Array
    losses: Array | None
    loss: Any


class Weights(NamedTuple):
    """The parameters of a network, taken apart and prepared for use."""

    cell: Any
    readout: Mapping[str, Array]
    initial_state: Array | None
    dtype: np.dtype


class Record(NamedTuple):
    """A stretch of the forward pass with all that its derivatives need.

    ``shown`` (T, B, n) is what the cell shows before forcing; ``z_bar`` (T, B, O) is
    dL/dz; ``forced[t]`` marks the state variables (B, N) that a teacher replaced, if there is one.
    """

    tapes: Sequence[Any]
    shown: Array
    z_bar: Array
    losses: Array
    forced: list[Array | None]
    last: Array

    def part(self, start: int, stop: int) -> Record:
        """The steps from ``start`` to ``stop``; ``last`` remains that of the whole."""
        cut = slice(start, stop)
        return Record(
            self.tapes[cut],
            self.shown[cut],
            self.z_bar[cut],
            self.losses[cut],
            self.forced[cut],
            self.last,
        )


@dataclass(frozen=True)
class Network:
    """A recurrent network with its loss.

    ::

        s_t = cell(s_{t-1}, x_t),   y_t = readout(h_t)
        L = 1/B sum_b sum_t sum_k mask_tbk l(y_tbk, d_tbk)

    Parameters
    ----------
    cell
        The recurrent part; its parameters are named ``"cell.…"``.
    readout
        :class:`~rnncore.readouts.Linear` (``"readout.…"``) or
        :class:`~rnncore.readouts.Units`.
    loss
        One of :mod:`rnncore.losses`.
    learn_initial_state
        Make the initial state a parameter ``"initial_state"`` (N,), shared by all
        sequences.
    teacher_forcing
        After the loss of a step, units that have a target there take it as their value
        (Williams & Zipser 1989). Needs a :class:`~rnncore.readouts.Units` read-out.

    Raises
    ------
    ValueError
        If the parts do not fit each other.

    Examples
    --------
    >>> from rnncore.cells import Vanilla
    >>> from rnncore.losses import SquaredError
    >>> from rnncore.readouts import Linear
    >>> network = Network(Vanilla(2, 3), Linear(3, 1), SquaredError())
    >>> network.init_params(np.random.default_rng(0))
    Params(cell.W: (3, 2), cell.U: (3, 3), cell.b: (3,), readout.V: (1, 3), readout.b: (1,))
    """

    cell: Cell
    readout: Readout
    loss: Loss
    learn_initial_state: bool = False
    teacher_forcing: bool = False

    def __post_init__(self) -> None:
        shown = self.cell.output_size
        if isinstance(self.readout, Units):
            if self.readout.indices.max() >= shown:
                raise ValueError(
                    f"readout: expected units 0 to {shown - 1}, got {list(self.readout.indices)}"
                )
        elif self.teacher_forcing:
            raise ValueError(
                "teacher_forcing: needs a Units read-out, so that a target can replace a unit"
            )
        else:
            width = self.readout.shapes["V"][1]
            if width != shown:
                raise ValueError(f"readout: expected hidden_size {shown}, got {width}")
        if self.loss.needs not in (None, self.readout.activation):
            raise ValueError(
                f"loss: {type(self.loss).__name__} needs a {self.loss.needs} read-out, got "
                f"{self.readout.activation}"
            )

    # -- parameters ----------------------------------------------------------

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every parameter, in the order of the flat view."""
        shapes = {f"cell.{name}": shape for name, shape in self.cell.shapes.items()}
        shapes |= {f"readout.{name}": shape for name, shape in self.readout.shapes.items()}
        if self.learn_initial_state:
            shapes["initial_state"] = (self.cell.state_size,)
        return shapes

    def init_params(self, rng: np.random.Generator, dtype: Any = np.float64) -> Params:
        """Draw initial parameters; a learned initial state starts at zero."""
        parts = [
            self.cell.init_params(rng, dtype).prefixed("cell."),
            self.readout.init_params(rng, dtype).prefixed("readout."),
        ]
        if self.learn_initial_state:
            parts.append(Params({"initial_state": np.zeros(self.cell.state_size, dtype)}))
        return Params.merge(*parts)

    def prepare(self, params: Params, *arrays: Array | None) -> Weights:
        """Check parameters and take them apart; ``arrays`` join in the common dtype."""
        shapes = self.shapes
        checks.names(params, shapes, "params")
        for name, shape in shapes.items():
            checks.finite(checks.shape(params[name], shape, name), name)
        given = [array for array in arrays if array is not None and array.dtype.kind in "fc"]
        dtype = np.result_type(params.dtype, *given)
        initial = params["initial_state"] if self.learn_initial_state else None
        cell = self.cell.prepare(params.select("cell."))
        return Weights(cell, params.select("readout."), initial, dtype)

    def check(self, batch: Batch, need_targets: bool = True) -> None:
        """Refuse a batch that does not fit this network."""
        if not isinstance(batch, Batch):
            raise TypeError(f"batch: expected a Batch, got {type(batch).__name__}")
        if batch.inputs.shape[2] != self.cell.input_size:
            raise ValueError(
                f"inputs: expected {self.cell.input_size} features, got {batch.inputs.shape[2]}"
            )
        if batch.targets is not None:
            self.loss.check(self.readout, batch.targets, batch.mask)
        elif need_targets or self.teacher_forcing:
            raise ValueError("batch: has no targets, so there is no loss")
        if batch.initial_state is not None:
            if self.learn_initial_state:
                raise ValueError(
                    "initial_state: given in the batch, but this network learns its own"
                )
            expected = (batch.size, self.cell.state_size)
            checks.shape(batch.initial_state, expected, "initial_state")

    # -- forward ---------------------------------------------------------------

    def initial(self, weights: Weights, size: int, initial_state: Array | None = None) -> Array:
        """The initial state (B, N): learned, given, or zeros."""
        shape = (size, self.cell.state_size)
        if weights.initial_state is not None:
            return np.tile(weights.initial_state, (size, 1)).astype(weights.dtype)
        if initial_state is not None:
            return checks.shape(initial_state, shape, "initial_state").astype(weights.dtype)
        return np.zeros(shape, weights.dtype)

    def force(self, s: Array, target: Array, mask: Array | None) -> tuple[Array, Array | None]:
        """Replace units that have a target by it. Returns the state and what was forced."""
        if not self.teacher_forcing:
            return s, None
        assert isinstance(self.readout, Units)
        units = self.readout.indices + self.cell.output.start
        has = (
            np.ones(target.shape, bool) if mask is None else np.broadcast_to(mask, target.shape) > 0
        )
        forced = np.zeros(s.shape, bool)
        forced[:, units] = has
        s = s.copy()
        s[:, units] = np.where(has, target, s[:, units])
        return s, forced

    def forward(self, params: Params, batch: Batch) -> Trajectory:
        """Run the network over a batch."""
        self.check(batch, need_targets=False)
        weights = self.prepare(params, batch.inputs, batch.initial_state)
        s = self.initial(weights, batch.size, batch.initial_state)
        states = np.empty((batch.steps + 1, *s.shape), weights.dtype)
        shown = np.empty((batch.steps, batch.size, self.cell.output_size), weights.dtype)
        states[0] = s
        for t, u in enumerate(self.cell.projections(weights.cell, batch.inputs)):
            s, _ = self.cell.step(weights.cell, s, batch.inputs[t], u)
            shown[t] = s[:, self.cell.output]
            if self.teacher_forcing and batch.targets is not None:
                mask = None if batch.weights is None else batch.weights[t]
                s, _ = self.force(s, batch.targets[t], mask)
            states[t + 1] = s
        z, y = self.readout.forward(weights.readout, shown)
        if batch.targets is None:
            return Trajectory(states, y, None, None)
        losses = self._losses(z, y, batch.targets, batch.weights)
        return Trajectory(states, y, losses, losses.sum())

    def _losses(self, z: Array, y: Array, targets: Array, weights: Array | None) -> Array:
        values = self.loss.values(z, y, targets)
        if weights is not None:
            values = values * weights
        return values.sum(axis=(1, 2)) / z.shape[1]

    def evaluate(self, params: Params, batch: Batch) -> Any:
        """The loss L, a scalar."""
        self.check(batch)
        return self.forward(params, batch).loss

    def record(self, weights: Weights, s: Array, batch: Batch, start: int, stop: int) -> Record:
        """Run from step ``start`` to ``stop``, keeping what the derivatives need."""
        assert batch.targets is not None
        x, d = batch.inputs[start:stop], batch.targets[start:stop]
        mask = None if batch.weights is None else batch.weights[start:stop]
        forced: list[Array | None] = [None] * len(x)

        def replace(t: int, s: Array) -> Array:
            s, forced[t] = self.force(s, d[t], None if mask is None else mask[t])
            return s

        tapes, shown, s = self.cell.run(
            weights.cell, s, x, replace if self.teacher_forcing else None
        )
        z, y = self.readout.forward(weights.readout, shown)
        z_bar = self.loss.adjoint(self.readout, z, y, d, mask) / batch.size
        return Record(tapes, shown, z_bar, self._losses(z, y, d, mask), forced, s)
