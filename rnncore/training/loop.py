"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from tqdm import tqdm

from rnncore import checks
from rnncore.data import Batch
from rnncore.optimizers import Optimizer, clip_by_norm, global_norm
from rnncore.params import Params
from rnncore.training import checkpoint as checkpoints
from rnncore.training.result import DivergenceError, Run, TrainingResult

Batches = Batch | Iterable[Batch] | Callable[[int, np.random.Generator | None], Batch]
Clip = float | Callable[[Params], Params]
Evaluate = Callable[[Params], Mapping[str, float]]
Callback = Callable[[int, Params, float], object]


class GradientLearner(Protocol):
    """Anything that computes the gradient of a batch; every learner of this package does."""

    def gradient(self, params: Params, batch: Batch) -> tuple[Any, Params]:
        """The loss of a batch and its gradient."""
        ...


def train(
    learner: GradientLearner,
    params: Params,
    batches: Batches,
    optimizer: Optimizer,
    *,
    steps: int,
    rng: np.random.Generator | None = None,
    clip: Clip | None = None,
    evaluate: Evaluate | None = None,
    every: int = 100,
    monitor: str = "loss",
    target: float | None = None,
    patience: int | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    resume: str | Path | None = None,
    on_divergence: Literal["raise", "return"] = "raise",
) -> TrainingResult:
    """Make ``steps`` gradient steps.

    Each step k = 0, 1, ... draws a batch, computes loss and gradient at the present parameters,
    clips, and lets the optimizer move. The only randomness is ``rng``.

    Parameters
    ----------
    learner
        Computes the gradient, for instance ``BPTT(network)``.
    params
        Where to start. Their dtype is kept.
    batches
        One :class:`~rnncore.data.Batch` for all steps; a list of them, gone through again and
        again; any other iterable, which ends the training when it ends; or a function of
        ``(step, rng)``.
    optimizer
        How to move.
    steps
        How many steps in all, those before a checkpoint included.
    rng
        Handed to ``batches`` if that is a function.
    clip
        Largest norm of the gradient, or a function from gradient to gradient.
    evaluate
        Function from parameters to named numbers, called after 0, ``every``, 2 ``every``, ...
        updates.
    every
        See ``evaluate``.
    monitor
        What ``target`` and ``patience`` look at: ``"loss"`` (of each step's batch) or a name
        from ``evaluate``. Smaller is better.
    target
        Stop once the monitored number is at most this.
    patience
        Stop after so many readings in a row without a new best.
    callback
        Called after each step with the number of updates made, the parameters and the loss;
        returning True stops the training.
    progress
        Show a progress bar (tqdm).
    checkpoint
        Where to save the run: every ``checkpoint_every`` steps, and at the end.
    checkpoint_every
        See ``checkpoint``; None means at the end only.
    resume
        A checkpoint to go on from. With the same arguments, the result is the same as that of
        a run in one go, bit for bit. An iterable of batches must start from its beginning
        again; ``rng`` is set to where it stood.
    on_divergence
        ``"raise"`` a :class:`DivergenceError`, or ``"return"`` the result, whose ``stopped``
        names what became NaN or infinite. In both cases the parameters are the last finite
        ones.

    Returns
    -------
    TrainingResult
        With ``params``, ``history`` and ``stopped``.

    Raises
    ------
    DivergenceError
        See ``on_divergence``.
    CheckpointError
        If ``resume`` is damaged or belongs to another network, optimizer or generator.

    Examples
    --------
    >>> from rnncore import BPTT, Linear, Network, SquaredError, Vanilla
    >>> from rnncore.optimizers import Adam
    >>> from rnncore.tasks import delayed_xor
    >>> rng = np.random.default_rng(0)
    >>> network = Network(Vanilla(2, 8), Linear(8, 1), SquaredError())
    >>> result = train(
    ...     BPTT(network), network.init_params(rng),
    ...     lambda step, rng: delayed_xor(rng, 20, 10, delay=1),
    ...     Adam(0.01), steps=500, rng=rng, clip=1.0,
    ... )
    >>> result.stopped, bool(result.history.loss[-1] < 0.1 * result.history.loss[0])
    ('all steps done', True)
    """
    steps = checks.positive_int(steps, "steps")
    for name in params:
        checks.finite(params[name], name)
    if on_divergence not in ("raise", "return"):
        raise ValueError(f"on_divergence: expected 'raise' or 'return', got {on_divergence!r}")
    if checkpoint_every is not None:
        checks.positive_int(checkpoint_every, "checkpoint_every")
        if checkpoint is None:
            raise ValueError("checkpoint: needed, since checkpoint_every is given")
    if checkpoint is not None and not Path(checkpoint).parent.is_dir():
        raise ValueError(f"checkpoint: there is no folder {Path(checkpoint).parent}")
    stopper = _Stopper(monitor, target, patience)
    if monitor != "loss" and evaluate is None:
        raise ValueError(f"monitor: {monitor!r} needs evaluate to give it")
    network = getattr(learner, "network", None)

    run, rng_state = Run(params, optimizer.init(params)), None
    if resume is not None:
        run, rng_state = checkpoints.load(resume, params, optimizer, network)
        if run.step > steps:
            raise ValueError(f"steps: expected at least {run.step}, as in {resume}, got {steps}")
    draw = _source(batches, rng, skip=run.step)
    if resume is not None:  # only now: winding an iterable forward may draw from rng
        checkpoints.restore_rng(resume, rng, rng_state)

    def save() -> None:
        if checkpoint is not None:
            checkpoints.save(checkpoint, run, rng, optimizer, network)

    with tqdm(total=steps, initial=run.step, disable=not progress, unit="step") as bar:
        loop = _Loop(
            run=run,
            learner=learner,
            draw=draw,
            optimizer=optimizer,
            clip=_clipper(clip),
            steps=steps,
            evaluate=evaluate,
            every=checks.positive_int(every, "every"),
            stopper=stopper,
            callback=callback,
            save=save,
            save_every=steps if checkpoint_every is None else checkpoint_every,
            bar=bar,
        )
        result = run.result(loop.go())
    if not result.diverged:
        save()
    elif on_divergence == "raise":
        raise DivergenceError(result)
    return result


@dataclass
class _Loop:
    """The loop proper. Each part returns a reason to stop, or None."""

    run: Run
    learner: GradientLearner
    draw: Callable[[int], Batch | None]
    optimizer: Optimizer
    clip: Callable[[Params], Params]
    steps: int
    evaluate: Evaluate | None
    every: int
    stopper: _Stopper
    callback: Callback | None
    save: Callable[[], None]
    save_every: int
    bar: Any

    def go(self) -> str:
        while True:
            self.evaluate_if_due()
            stopped = self.stopper.verdict(self.run) or self.end() or self.move() or self.report()
            if stopped is not None:
                return stopped

    def evaluate_if_due(self) -> None:
        run = self.run
        # A run that goes on from a checkpoint may have been evaluated here already.
        if self.evaluate and run.step % self.every == 0 and run.step not in run.evaluated[-1:]:
            run.read(self.evaluate(run.params))

    def end(self) -> str | None:
        return "all steps done" if self.run.step == self.steps else None

    def move(self) -> str | None:
        """One step. Where it would lead to NaN or infinity, it is not made."""
        run = self.run
        batch = self.draw(run.step)
        if batch is None:
            return f"batches exhausted at step {run.step}"
        with np.errstate(all="ignore"):  # what overflows is reported by name below
            loss, grads = self.learner.gradient(run.params, batch)
            norm = global_norm(grads)
            if grads.dtype != run.params.dtype:  # float32 parameters stay so on float64 data
                grads = grads.astype(run.params.dtype)
            fault = _fault({"loss": loss}) or _fault(grads, "gradient of ")
            if fault is None:
                params, state = self.optimizer.step(run.params, run.state, self.clip(grads))
                fault = _fault(params)
                for slot, values in state.slots.items():
                    fault = fault or _fault(values, f"optimizer's {slot} of ")
        if fault is not None:
            return f"diverged: {fault} at step {run.step}"
        run.params, run.state = params, state
        run.losses.append(float(loss))
        run.norms.append(norm)
        return None

    def report(self) -> str | None:
        """After a step: progress, callback, checkpoint."""
        run, loss = self.run, self.run.losses[-1]
        self.bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
        self.bar.update()
        wish = self.callback(run.step, run.params, loss) if self.callback else None
        if isinstance(wish, (bool, np.bool_)) and wish:
            return f"callback at step {run.step}"
        if run.step % self.save_every == 0 and run.step < self.steps:
            self.save()
        return None


@dataclass
class _Stopper:
    """Early stop on one series of readings: a target, or patience without a new best."""

    monitor: str
    target: float | None
    patience: int | None
    seen: int = field(default=0, init=False)
    best: float = field(default=inf, init=False)
    best_at: int = field(default=-1, init=False)

    def __post_init__(self) -> None:
        if self.patience is not None:
            checks.positive_int(self.patience, "patience")

    def verdict(self, run: Run) -> str | None:
        if self.monitor == "loss":
            series = run.losses
        elif self.monitor in run.readings:
            series = run.readings[self.monitor]
        else:
            raise ValueError(f"monitor: {self.monitor!r} is not among {sorted(run.readings)}")
        for value in series[self.seen :]:
            if value < self.best:
                self.best, self.best_at = value, self.seen
            self.seen += 1
        if self.target is not None and series and series[-1] <= self.target:
            return f"target: {self.monitor} {series[-1]:.4g} at step {run.step}"
        if self.patience is not None and self.seen - 1 - self.best_at >= self.patience:
            return (
                f"patience: no {self.monitor} below {self.best:.4g} in {self.patience} readings, "
                f"at step {run.step}"
            )
        return None


def _fault(values: Mapping[str, Any], prefix: str = "") -> str | None:
    """The name of the first entry that is not finite."""
    for name, value in values.items():
        if not np.all(np.isfinite(value)):
            return prefix + name
    return None


def _clipper(clip: Clip | None) -> Callable[[Params], Params]:
    if clip is None:
        return lambda grads: grads
    if callable(clip):
        return clip
    limit = clip
    clip_by_norm(Params({}), limit)  # refuses a bad limit now rather than at the first step
    return lambda grads: clip_by_norm(grads, limit)


def _source(
    batches: Batches, rng: np.random.Generator | None, skip: int
) -> Callable[[int], Batch | None]:
    """A function from the step to its batch, or to None when there is no more."""
    if rng is not None:
        checks.generator(rng)
    if isinstance(batches, Batch):
        one = batches
        return lambda step: one
    if isinstance(batches, Sequence):
        listed = batches
        if not listed:
            raise ValueError("batches: expected at least one, got none")
        return lambda step: listed[step % len(listed)]
    if isinstance(batches, Iterable):
        rest = iter(batches)
        for _ in islice(rest, skip):
            pass
        return lambda step: next(rest, None)
    if callable(batches):
        function = batches
        return lambda step: function(step, rng)
    raise TypeError(
        "batches: expected a Batch, an iterable of them or a function of (step, rng), "
        f"got {type(batches).__name__}"
    )
