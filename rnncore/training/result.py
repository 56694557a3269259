"""What a training run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rnncore.optimizers import OptimizerState
from rnncore.params import Params

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class History:
    """What was measured on the way.

    Attributes
    ----------
    steps
        0, 1, ..., K - 1.
    loss
        Shape (K,): ``loss[k]`` belongs to the parameters after k updates, on the batch of step
        k.
    gradient_norm
        Shape (K,): norm of that gradient, before clipping.
    evaluated
        After how many updates the evaluations were made.
    evaluations
        Name to values, each of the length of ``evaluated``.
    """

    steps: Array
    loss: Array
    gradient_norm: Array
    evaluated: Array
    evaluations: Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Parameters, history, and why the training stopped.

    Attributes
    ----------
    params
        The last parameters (the last finite ones after a divergence).
    history
        Losses, gradient norms, evaluations.
    stopped
        The reason in words: ``"all steps done"``, ``"target: loss 0.0098 at step 57"``,
        ``"patience: ..."``, ``"callback at step 57"``, ``"batches exhausted at step 57"``,
        ``"diverged: cell.U at step 31"``.
    """

    params: Params
    history: History
    stopped: str

    @property
    def diverged(self) -> bool:
        """Whether a loss, a gradient or a parameter became NaN or infinite."""
        return self.stopped.startswith("diverged")


class DivergenceError(ArithmeticError):
    """Training met NaN or infinity. The message says in what and at which step.

    Attributes
    ----------
    result
        The :class:`TrainingResult` up to there, with the last finite parameters.
    """

    def __init__(self, result: TrainingResult) -> None:
        super().__init__(result.stopped)
        self.result = result


@dataclass
class Run:
    """A run under way: all that must be kept to go on with it later."""

    params: Params
    state: OptimizerState
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    evaluated: list[int] = field(default_factory=list)
    readings: dict[str, list[float]] = field(default_factory=dict)

    @property
    def step(self) -> int:
        """How many updates were made."""
        return len(self.losses)

    def read(self, values: Mapping[str, float]) -> None:
        """Note one evaluation of the present parameters."""
        if not isinstance(values, Mapping):
            raise TypeError(
                f"evaluate: expected a mapping of names to numbers, got {type(values).__name__}"
            )
        if self.evaluated and set(values) != set(self.readings):
            raise ValueError(
                f"evaluate: expected the names {sorted(self.readings)} as before, "
                f"got {sorted(values)}"
            )
        self.evaluated.append(self.step)
        for name, value in values.items():
            self.readings.setdefault(name, []).append(float(value))

    def result(self, stopped: str) -> TrainingResult:
        """Close the run."""
        history = History(
            steps=np.arange(self.step),
            loss=np.array(self.losses, dtype=float),
            gradient_norm=np.array(self.norms, dtype=float),
            evaluated=np.array(self.evaluated, dtype=int),
            evaluations={name: np.array(values) for name, values in self.readings.items()},
        )
        return TrainingResult(self.params, history, stopped)
