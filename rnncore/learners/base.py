"""What every learner offers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.learners.instant import AT_ONCE, Instant, Steps, instant, instants
from rnncore.network import Network, Weights
from rnncore.params import Params

Array = np.ndarray


class Gradient(NamedTuple):
    """The loss of a batch and its gradient, named like the parameters."""

    loss: Any
    grads: Params


class Step(NamedTuple):
    """What one online step gives: the step's loss, a share of the gradient, the output y_t."""

    loss: Any
    grads: Params
    output: Array


class Share(NamedTuple):
    """A share of the gradient: the cell's arrays by name, and what reaches a learned start.

    ``initial`` counts only where the initial state is learned.
    """

    cell: dict[str, Array]
    initial: Array


class Card(NamedTuple):
    """What a table of learners says about one: orders per time step, and its source.

    N state variables, n units, P parameters of the cell, T time steps.
    """

    time: str
    memory: str
    reference: str
    limit: str = ""


class Learner(ABC):
    """A way to compute dL/d theta for a network.

    Parameters
    ----------
    network
        The network to learn.

    Attributes
    ----------
    name
        What it is called in tables and figures.
    kind
        ``"exact"``, ``"unbiased"`` or ``"biased"``.
    online
        Whether it can run step by step, in memory that does not grow with time.
    random
        Whether it draws random numbers; it then needs a generator ``rng``.
    card
        Its cost and source, and, if it is biased, the limit in which it becomes exact.
    """

    name: ClassVar[str]
    kind: ClassVar[Literal["exact", "unbiased", "biased"]]
    online: ClassVar[bool]
    random: ClassVar[bool] = False
    card: ClassVar[Card]

    def __init__(self, network: Network) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network: expected a Network, got {type(network).__name__}")
        self.network = network

    @abstractmethod
    def gradient(
        self, params: Params, batch: Batch, rng: np.random.Generator | None = None
    ) -> Gradient:
        """The loss of a batch and its gradient, with the parameters held fixed.

        ``rng`` is for learners that are ``random``, which need it; others leave it alone.
        """

    def _generator(self, rng: np.random.Generator | None) -> np.random.Generator:
        """The generator that a random learner needs, or a refusal that says so."""
        if rng is None:
            raise TypeError(f"rng: {self.name} draws random numbers and needs a Generator")
        return checks.generator(rng)

    def _start(self, params: Params, batch: Batch) -> tuple[Weights, Array]:
        self.network.check(batch)
        weights = self.network.prepare(params, batch.inputs, batch.initial_state)
        return weights, self.network.initial(weights, batch.size, batch.initial_state)

    def _assemble(
        self, cell: dict[str, Array], readout: dict[str, Array], initial: Array
    ) -> Params:
        """Put the parts of a gradient together under the names of the parameters.

        ``initial`` counts only where the initial state is learned. The arrays are given away:
        they are not copied, and nobody may write to them any more.
        """
        grads = {f"cell.{name}": array for name, array in cell.items()}
        grads |= {f"readout.{name}": array for name, array in readout.items()}
        if self.network.learn_initial_state:
            grads["initial_state"] = initial
        return Params.own(grads)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.network.cell!r})"


class OnlineLearner(Learner):
    """A learner that runs along with the network, one step at a time.

    Its memory is explicit: each call takes it and returns the next one. What is its own is
    :meth:`learn`, what it makes of a step whose forward pass is done; :meth:`step` and
    :meth:`gradient` follow from it. :meth:`gradient` holds the parameters, so it works out the
    forward pass of ``at_once`` steps together.

    Examples
    --------
    >>> from rnncore import Network
    >>> from rnncore.cells import Vanilla
    >>> from rnncore.learners import RTRL
    >>> from rnncore.losses import SquaredError
    >>> from rnncore.readouts import Linear
    >>> learner = RTRL(Network(Vanilla(2, 3), Linear(3, 1), SquaredError()))
    >>> params = learner.network.init_params(np.random.default_rng(0))
    >>> memory = learner.init(params)
    >>> memory, out = learner.step(params, memory, np.ones(2), np.zeros(1))
    >>> out.grads.names == params.names
    True
    """

    online = True
    at_once: int = AT_ONCE

    @abstractmethod
    def init(
        self,
        params: Params,
        batch_size: int = 1,
        initial_state: Any = None,
        rng: np.random.Generator | None = None,
    ) -> Any:
        """The memory before the first step; a random learner keeps ``rng`` in it."""

    @abstractmethod
    def learn(self, weights: Weights, memory: Any, now: Instant) -> tuple[Any, Share | None]:
        """What the learner makes of one step: its next memory, and a share of the gradient.

        The share is None where the learner holds it back.
        """

    def advance(
        self, weights: Weights, memory: Any, x: Array, target: Array, mask: Array | None
    ) -> tuple[Any, Step]:
        """One step on arrays with a batch axis, unchecked."""
        now, told = instant(self.network, weights, memory.state, x, target, mask)
        memory, share = self.learn(weights, memory, now)
        if share is None:
            cell = self.network.cell
            zeros = {name: np.zeros(shape, weights.dtype) for name, shape in cell.shapes.items()}
            share = Share(zeros, np.zeros(cell.state_size, weights.dtype))
        grads = self._assemble(share.cell, told.readout, share.initial)
        return memory, Step(told.loss, grads, told.output)

    def flush(self, params: Params, memory: Any) -> Params:
        """The share of the gradient that is still held back; zeros where there is none."""
        return params.zeros_like()

    def step(
        self, params: Params, memory: Any, x: Any, target: Any, mask: Any = None
    ) -> tuple[Any, Step]:
        """Advance one time step and learn from it.

        Parameters
        ----------
        params
            The parameters, which may have changed since the last step.
        memory
            What :meth:`init` or the last :meth:`step` returned.
        x, target, mask
            Of this step: (B, D), (B, O) and (B, 1) or (B, O); without the batch axis
            where B = 1. A mask of one number counts for the whole step.

        Returns
        -------
        memory, out
            The next memory, and the :class:`Step` with loss, grads and output.
        """
        x, target = np.asarray(x), np.asarray(target)
        if x.ndim == 1:
            x, target = x[None], target[None]
            if mask is not None:
                mask = np.atleast_1d(mask)[None]
        mask = None if mask is None else np.asarray(mask)[None]
        batch = Batch(x[None], target[None], mask)
        self.network.check(batch)
        if batch.size != memory.state.shape[0]:
            raise ValueError(f"x: expected {memory.state.shape[0]} sequences, got {batch.size}")
        weights = self.network.prepare(params, batch.inputs, memory.state)
        assert batch.targets is not None
        counted = None if batch.weights is None else batch.weights[0]
        return self.advance(weights, memory, batch.inputs[0], batch.targets[0], counted)

    def gradient(
        self, params: Params, batch: Batch, rng: np.random.Generator | None = None
    ) -> Gradient:
        """Run over a whole batch with the parameters held fixed, and sum."""
        weights, _ = self._start(params, batch)
        held = params.astype(weights.dtype)
        memory = self.init(held, batch.size, batch.initial_state, rng)
        memory, loss, sums = self._through(params, weights, memory, batch)
        _add(self.flush(held, memory), sums)
        return Gradient(loss, Params.own(sums))

    def _through(
        self, params: Params, weights: Weights, memory: Any, batch: Batch
    ) -> tuple[Any, Any, dict[str, Array]]:
        """Advance through a batch: the last memory, the loss, and the sum of the shares.

        The sum has the names of ``params``, in their order.
        """
        assert batch.targets is not None
        dtype = _dtype(weights, batch.targets)
        sums = {name: np.zeros(array.shape, dtype) for name, array in params.items()}
        if type(self).advance is not OnlineLearner.advance:  # a subclass with steps of its own
            return self._step_by_step(weights, memory, batch, sums)
        loss = 0.0
        for start in range(0, batch.steps, self.at_once):
            stop = min(start + self.at_once, batch.steps)
            steps, told = instants(self.network, weights, memory.state, batch, start, stop)
            memory = self._learn_all(weights, memory, steps, sums)
            for name, array in told.readout.items():
                sums[f"readout.{name}"] += array
            loss = loss + told.loss
        return memory, loss, sums

    def _learn_all(
        self, weights: Weights, memory: Any, steps: Steps, sums: dict[str, Array]
    ) -> Any:
        """Learn from consecutive steps, and add the shares of the gradient to ``sums``.

        For a learner that has a way with many steps at once, at held weights, to redefine.
        """
        for now in steps.each():
            memory, share = self.learn(weights, memory, now)
            if share is not None:
                self._add_share(share, sums)
        return memory

    def _add_share(self, share: Share, sums: dict[str, Array]) -> None:
        for name, array in share.cell.items():
            sums[f"cell.{name}"] += array
        if self.network.learn_initial_state:
            sums["initial_state"] += share.initial

    def _without_readout(self, share: Share, dtype: np.dtype) -> Params:
        """A share of the gradient that is given late, when the read-out has learned already."""
        shapes = self.network.readout.shapes
        readout = {name: np.zeros(shape, dtype) for name, shape in shapes.items()}
        return self._assemble(share.cell, readout, share.initial)

    def _step_by_step(
        self, weights: Weights, memory: Any, batch: Batch, sums: dict[str, Array]
    ) -> tuple[Any, Any, dict[str, Array]]:
        assert batch.targets is not None
        loss, counted = 0.0, batch.weights
        for t in range(batch.steps):
            mask = None if counted is None else counted[t]
            memory, out = self.advance(weights, memory, batch.inputs[t], batch.targets[t], mask)
            loss = loss + out.loss
            _add(out.grads, sums)
        return memory, loss, sums

    def _first_state(self, params: Params, batch_size: int, initial_state: Any) -> Array:
        size = checks.positive_int(batch_size, "batch_size")
        state = None if initial_state is None else checks.numeric(initial_state, "initial_state")
        if state is not None:
            if self.network.learn_initial_state:
                raise ValueError("initial_state: given, but this network learns its own")
            state = state[None] if state.ndim == 1 and size == 1 else state
            checks.finite(state, "initial_state")
        weights = self.network.prepare(params, state)
        return self.network.initial(weights, size, state)

    def _first_influence(self, state: Array) -> Array:
        """ds_0/d theta: zero, but for a learned initial state, whose rows are the identity."""
        rows, size = self.network.cell.size, state.shape[1]
        learned = size if self.network.learn_initial_state else 0
        # Laid out as what Cell.push returns: (B, N, P) in memory.
        influence = np.zeros((len(state), size, rows + learned), state.dtype).swapaxes(1, 2)
        influence[:, rows:] = np.eye(size)[:learned]
        return influence

    def _split(self, flat: Array) -> Share:
        """Cut a flat gradient of the influence's rows into the cell's arrays and the rest."""
        cell, start = {}, 0
        for name, shape in self.network.cell.shapes.items():
            count = math.prod(shape)
            cell[name] = flat[start : start + count].reshape(shape)
            start += count
        return Share(cell, flat[start:])


def _dtype(weights: Weights, targets: Array) -> np.dtype:
    """What a gradient's numbers are: those of the weights, or of wider targets."""
    classes = targets.dtype.kind in "iu"
    return weights.dtype if classes else np.result_type(weights.dtype, targets)


def _add(share: Params, sums: dict[str, Array]) -> None:
    """Add a share of the gradient, by name."""
    for name, array in share.items():
        sums[name] += array
