"""Batches of sequences, time first, with masks and different lengths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnncore import checks

Array = np.ndarray


@dataclass(frozen=True, init=False, eq=False)
class Batch:
    """Inputs, targets and masks of B sequences over T time steps.

    Parameters
    ----------
    inputs
        Shape (T, B, D), or (T, D) for a single sequence: a batch axis is then added
        to everything.
    targets
        Shape (T, B, O): real values, one-hot rows or probabilities. Classes for
        :class:`~rnncore.losses.CategoricalCrossEntropy` may be integers of shape (T, B).
        ``None`` where only the forward pass is wanted.
    mask
        Which targets count: shape (T, B) or (T, B, 1), or (T, B, O) for single units; entries in
        [0, 1]. ``None`` means all. A masked target may be NaN-free filler of any value.
    initial_state
        Shape (B, N) (or (N,) for a single sequence); zeros if ``None``.

    Raises
    ------
    ValueError
        On empty sequences, wrong shapes, NaN or infinity, mask entries outside [0, 1].
    TypeError
        On arrays that do not hold numbers.

    Notes
    -----
    ``states[t + 1]`` of a forward pass is the state after ``inputs[t]``, and
    ``targets[t]`` is compared with the output of that state.

    Examples
    --------
    >>> batch = Batch(inputs=np.ones((5, 2)), targets=np.zeros((5, 1)))
    >>> batch.inputs.shape, batch.steps, batch.size
    ((5, 1, 2), 5, 1)
    """

    inputs: Array
    targets: Array | None
    mask: Array | None
    initial_state: Array | None

    def __init__(
        self,
        inputs: Any,
        targets: Any = None,
        mask: Any = None,
        initial_state: Any = None,
    ) -> None:
        x = checks.numeric(inputs, "inputs")
        single = x.ndim == 2
        if x.ndim not in (2, 3):
            raise ValueError(
                f"inputs: expected shape (T, B, D), or (T, D) for one sequence, got {x.shape}"
            )
        x = x[:, None, :] if single else x
        if 0 in x.shape:
            raise ValueError(
                f"inputs: expected at least one step, sequence and feature, got {x.shape}"
            )
        checks.finite(x, "inputs")
        steps, size = x.shape[:2]
        d = None if targets is None else _targets(targets, single, steps, size)
        m = None if mask is None else _mask(mask, single, d).astype(x.real.dtype)
        s = None
        if initial_state is not None:
            s = checks.numeric(initial_state, "initial_state")
            s = s[None, :] if single and s.ndim == 1 else s
            if s.ndim != 2 or s.shape[0] != size:
                raise ValueError(f"initial_state: expected shape ({size}, N), got {s.shape}")
            checks.finite(s, "initial_state")
        for name, value in (("inputs", x), ("targets", d), ("mask", m), ("initial_state", s)):
            object.__setattr__(self, name, value)

    @property
    def steps(self) -> int:
        """The number T of time steps."""
        return int(self.inputs.shape[0])

    @property
    def size(self) -> int:
        """The number B of sequences."""
        return int(self.inputs.shape[1])

    @property
    def weights(self) -> Array | None:
        """The mask with a unit axis, (T, B, 1) or (T, B, O); ``None`` where all targets count."""
        if self.mask is None:
            return None
        return self.mask[..., None] if self.mask.ndim == 2 else self.mask


def _targets(targets: Any, single: bool, steps: int, size: int) -> Array:
    d = np.asarray(targets)
    if d.dtype.kind in "iu" and d.ndim == (1 if single else 2):
        return checks.shape(d[:, None] if single else d, (steps, size), "targets (classes)")
    d = checks.numeric(targets, "targets")
    if single and d.ndim == 2:
        d = d[:, None, :]
    if d.ndim != 3 or d.shape[:2] != (steps, size):
        raise ValueError(f"targets: expected shape ({steps}, {size}, O), got {np.shape(targets)}")
    return checks.finite(d, "targets")


def _mask(mask: Any, single: bool, targets: Array | None) -> Array:
    if targets is None:
        raise ValueError("mask: given without targets")
    m = checks.finite(checks.numeric(mask, "mask"), "mask")
    if single:
        m = m[:, None] if m.ndim == 1 else m[:, None, :] if m.ndim == 2 else m
    if m.ndim == 3 and m.shape[2] == 1:
        m = m[..., 0]  # one weight a step
    allowed = {targets.shape[:2], targets.shape}
    if m.shape not in allowed:
        raise ValueError(
            f"mask: expected one of the shapes {sorted(allowed)}, got {np.shape(mask)}"
        )
    if m.min() < 0 or m.max() > 1:
        raise ValueError(f"mask: expected entries in [0, 1], got {m.min()} to {m.max()}")
    return m


def pad(sequences: Iterable[tuple[Any, Any]]) -> Batch:
    """Put sequences of different lengths into one batch with a mask.

    Parameters
    ----------
    sequences
        Pairs (inputs (T_b, D), targets (T_b, O)). Shorter ones are filled with zeros up
        to the longest; the filling is masked, so it adds nothing to loss or gradient.

    Returns
    -------
    Batch
        With mask of shape (T, B): 1 where the sequence has a step.

    Examples
    --------
    >>> batch = pad([(np.ones((2, 1)), np.ones((2, 1))), (np.ones((3, 1)), np.ones((3, 1)))])
    >>> batch.mask.T
    array([[1., 1., 0.],
           [1., 1., 1.]])
    """
    pairs = [(checks.numeric(x, "inputs"), checks.numeric(d, "targets")) for x, d in sequences]
    if not pairs:
        raise ValueError("sequences: expected at least one, got none")
    for b, (x, d) in enumerate(pairs):
        if x.ndim != 2 or d.ndim != 2 or len(x) != len(d) or len(x) == 0:
            raise ValueError(
                f"sequences[{b}]: expected inputs (T, D) and targets (T, O) with one T of at "
                f"least 1, got {x.shape} and {d.shape}"
            )
    steps, size = max(len(x) for x, _ in pairs), len(pairs)
    dtype = np.result_type(*(a for pair in pairs for a in pair))
    inputs = np.zeros((steps, size, pairs[0][0].shape[1]), dtype)
    targets = np.zeros((steps, size, pairs[0][1].shape[1]), dtype)
    mask = np.zeros((steps, size), dtype)
    for b, (x, d) in enumerate(pairs):
        checks.shape(x, (len(x), inputs.shape[2]), f"sequences[{b}] inputs")
        checks.shape(d, (len(d), targets.shape[2]), f"sequences[{b}] targets")
        inputs[: len(x), b], targets[: len(x), b], mask[: len(x), b] = x, d, 1
    return Batch(inputs, targets, mask)
