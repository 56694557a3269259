"""The echo state network: a reservoir and a linear read-out fitted by ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnncore import checks
from rnncore.data import Batch
from rnncore.reservoir.matrices import number
from rnncore.reservoir.reservoir import Reservoir
from rnncore.reservoir.ridge import PENALTIES, Choice, Ridge

Array = np.ndarray


class Run(NamedTuple):
    """What a pass over a sequence shows.

    Attributes
    ----------
    outputs
        (T, O) or (T, B, O).
    states
        (T + 1, n) or (T + 1, B, n); ``states[0]`` is the initial state.
    """

    outputs: Array
    states: Array


def features(inputs: Array, states: Array) -> Array:
    """What the read-out sees: 1, the input, and the state after it, (T, ..., 1 + D + n).

    ``inputs`` are (T, ..., D) and ``states`` (T, ..., n), those after each input.
    """
    ones = np.ones((*inputs.shape[:-1], 1), inputs.dtype)
    return np.concatenate([ones, inputs, states], axis=-1)


@dataclass(frozen=True, eq=False)
class EchoState:
    """A reservoir with a linear read-out, the only part that learns.

    ::

        y_t = V z_t,   z_t = (1, x_t, s_t)

    Parameters
    ----------
    reservoir
        The fixed part.
    V
        Read-out weights (O, 1 + D + n). Use :meth:`fit`, or
        :func:`~rnncore.reservoir.force`.
    choice
        How the penalty was chosen, if it was.

    References
    ----------
    Jaeger (2001), GMD Report 148; Jaeger (2002), GMD Report 159; Lukoševičius (2012), A
    practical guide to applying echo state networks.

    Examples
    --------
    Learn to say what the input was two steps ago:

    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, (500, 1))
    >>> batch = Batch(x, np.roll(x, 2, axis=0))
    >>> net = EchoState.fit(Reservoir.draw(rng, 1, 40, input_scaling=0.1), batch, washout=50)
    >>> error = net.predict(x).outputs[50:] - batch.targets[50:, 0]
    >>> bool(np.abs(error).max() < 0.02)
    True
    """

    reservoir: Reservoir
    V: Array
    choice: Choice | None = None

    def __post_init__(self) -> None:
        V = np.array(checks.finite(checks.numeric(self.V, "V"), "V"))
        width = 1 + self.reservoir.input_size + self.reservoir.size
        outputs = self.reservoir.output_size
        if V.ndim != 2 or V.shape[1] != width or outputs not in (None, len(V)):
            rows = "O" if outputs is None else outputs
            raise ValueError(f"V: expected shape ({rows}, {width}), got {V.shape}")
        V.flags.writeable = False
        object.__setattr__(self, "V", V)

    @classmethod
    def fit(
        cls,
        reservoir: Reservoir,
        batch: Batch,
        *,
        washout: int = 100,
        penalty: float | None = None,
        penalties: Sequence[float] = PENALTIES,
        held_out: float = 0.2,
        noise: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> EchoState:
        """Run the reservoir over the sequences and fit the read-out.

        Parameters
        ----------
        reservoir
            With output feedback the targets are fed back: teacher forcing.
        batch
            Inputs and targets. Steps with mask 0 are left out of the fit; other weights and
            masks of single units are refused.
        washout
            Steps at the start of each sequence that are left out, so that the initial state
            is forgotten.
        penalty
            Of the ridge regression; ``None`` chooses it.
        penalties, held_out
            What is tried, and the share of steps at the end of the sequences on which it is
            judged. The read-out is then fitted again on all steps.
        noise, rng
            Standard deviation of noise inside the activation during the fit, and its source. It
            makes a network with feedback robust against its own small errors.

        Raises
        ------
        ValueError, TypeError
            If sizes do not fit, or no steps are left.
        """
        x, d, kept = _rows(reservoir, batch, washout)
        fed = None if reservoir.F is None else d
        states = reservoir.run(
            x, teacher=fed, initial_state=batch.initial_state, noise=noise, rng=rng
        )
        x, d, kept, after = x[washout:], d[washout:], kept[washout:], states[1 + washout :]
        z = features(x, after)
        if penalty is not None:
            return cls(reservoir, Ridge(_chosen(z, kept), _chosen(d, kept)).solve(penalty))
        share = number(held_out, "held_out", 0, 1)
        late = np.arange(len(x)) >= round((1 - share) * len(x))
        early, late = kept & ~late[:, None], kept & late[:, None]
        if not early.any() or not late.any():
            raise ValueError(
                f"held_out: expected steps on both sides, got a share of {held_out} of "
                f"{len(x)} steps"
            )
        choice = Ridge(z[early], d[early]).choose(z[late], d[late], penalties)
        ridge = Ridge(_chosen(z, kept), _chosen(d, kept))
        return cls(reservoir, ridge.solve(choice.penalty), choice)

    @property
    def output_size(self) -> int:
        """O."""
        return len(self.V)

    def read(self, x: Array, s: Array) -> Array:
        """The outputs (..., O) for inputs (..., D) and the states (..., n) after them."""
        return features(x, s) @ self.V.T

    def predict(
        self,
        inputs: Any,
        *,
        teacher: Any = None,
        initial_state: Any = None,
        initial_output: Any = None,
    ) -> Run:
        """Run over a sequence.

        With output feedback the network hears its own outputs, or those of a ``teacher``: force
        it over a first stretch, then let it run on from ``states[-1]`` and the last target.

        Parameters
        ----------
        inputs
            (T, D) or (T, B, D).
        teacher, initial_state, initial_output
            As for :meth:`Reservoir.run`; here a teacher is not needed.
        """
        reservoir = self.reservoir
        x = reservoir.check_inputs(inputs)
        if reservoir.F is None or teacher is not None:
            states = reservoir.run(
                x, teacher=teacher, initial_state=initial_state, initial_output=initial_output
            )
            return Run(self.read(x, states[1:]), states)
        lead = x.shape[1:-1]
        s = reservoir.start(initial_state, lead, reservoir.size, "initial_state")
        y = reservoir.start(initial_output, lead, self.output_size, "initial_output")
        outputs: list[Array] = []
        path = [s]
        for x_t in x:
            s = reservoir.step(s, x_t, y)
            y = self.read(x_t, s)
            outputs.append(y)
            path.append(s)
        return Run(np.stack(outputs), np.stack(path))

    def generate(self, steps: int, initial_state: Any, first_input: Any) -> Run:
        """Run freely: each output is the next input.

        For a network without feedback that was fitted to predict its next input.

        Parameters
        ----------
        steps
            T, how many outputs.
        initial_state
            (n,) or (B, n): the last state of a run over the series so far.
        first_input
            (D,) or (B, D): the input that comes next, or the prediction of it.

        Returns
        -------
        Run
            ``outputs[0]`` is the answer to ``first_input``.

        Raises
        ------
        ValueError
            If the network has feedback, or not as many outputs as inputs.
        """
        reservoir, width = self.reservoir, self.reservoir.input_size
        if reservoir.F is not None:
            raise ValueError("reservoir: it has output feedback; it runs freely by predict")
        if self.output_size != width:
            raise ValueError(f"V: expected as many outputs as inputs, {width}, got {len(self.V)}")
        count = checks.positive_int(steps, "steps")
        s = checks.finite(checks.numeric(initial_state, "initial_state"), "initial_state")
        if s.ndim not in (1, 2) or s.shape[-1] != reservoir.size:
            raise ValueError(
                f"initial_state: expected shape ({reservoir.size},) or (B, {reservoir.size}), "
                f"got {s.shape}"
            )
        x = checks.finite(checks.numeric(first_input, "first_input"), "first_input")
        checks.shape(x, (*s.shape[:-1], width), "first_input")
        outputs, states = [], [s]
        for _ in range(count):
            s = reservoir.step(s, x)
            x = self.read(x, s)
            outputs.append(x)
            states.append(s)
        return Run(np.stack(outputs), np.stack(states))


def _chosen(values: Array, kept: Array) -> Array:
    """The rows (M, p) of ``values`` (T, B, p) that count; no copy where all do."""
    return values.reshape(-1, values.shape[-1]) if kept.all() else values[kept]


def _rows(reservoir: Reservoir, batch: Batch, washout: int) -> tuple[Array, Array, Array]:
    """Inputs (T, B, D), targets (T, B, O), and which steps count, (T, B)."""
    if not isinstance(batch, Batch):
        raise TypeError(f"batch: expected a Batch, got {type(batch).__name__}")
    if batch.targets is None:
        raise ValueError("batch: expected targets, got a batch without them")
    if batch.targets.ndim != 3:
        raise ValueError("batch: expected real targets (T, B, O), got classes")
    if isinstance(washout, bool) or not isinstance(washout, (int, np.integer)) or washout < 0:
        raise ValueError(f"washout: expected an integer of at least 0, got {washout!r}")
    kept = np.ones(batch.inputs.shape[:2], bool)
    if batch.mask is not None:
        if batch.mask.ndim != 2 or not np.isin(batch.mask, (0, 1)).all():
            raise ValueError("batch: expected a mask (T, B) of zeros and ones")
        kept = batch.mask > 0
    kept[:washout] = False
    if not kept.any():
        raise ValueError(f"washout: no step of {batch.steps} is left after {washout}")
    return batch.inputs, batch.targets, kept
