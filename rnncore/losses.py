"""Losses: each with its adjoint beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from rnncore.readouts import Readout

Array = np.ndarray


class Loss(ABC):
    """A loss per step, sequence and output unit.

    ``z`` and ``y`` are the read-out's pre-activations and outputs, (..., O); ``weights``
    is the mask, (..., 1) or (..., O), or None.
    """

    needs: str | None = None  # the read-out activation it goes with, where only one will do

    def check(self, readout: Readout, targets: Array, mask: Array | None) -> None:
        """Refuse targets or masks that this loss cannot take with this read-out.

        ``targets`` is (T, B, O), or (T, B) integer classes; ``mask`` is (T, B) or (T, B, O).
        """
        size = readout.output_size
        if targets.ndim != 3 or targets.shape[2] != size:
            raise ValueError(
                f"targets: expected shape (T, B, {size}) for {type(self).__name__}, "
                f"got {targets.shape}"
            )

    @abstractmethod
    def values(self, z: Array, y: Array, target: Array) -> Array:
        """The loss of each entry, (..., O), or (..., 1) where the units have one in common."""

    @abstractmethod
    def adjoint(
        self, readout: Readout, z: Array, y: Array, target: Array, weights: Array | None
    ) -> Array:
        """dL/dz, (..., O)."""


class SquaredError(Loss):
    """l = 1/2 (y - d)^2, with adjoint dl/dy = y - d.

    Williams & Zipser's error e = d - y is minus that adjoint.
    """

    def values(self, z: Array, y: Array, target: Array) -> Array:
        return 0.5 * (y - target) ** 2

    def adjoint(
        self, readout: Readout, z: Array, y: Array, target: Array, weights: Array | None
    ) -> Array:
        y_bar = y - target if weights is None else weights * (y - target)
        return readout.through(z, y, y_bar)


class BinaryCrossEntropy(Loss):
    """l = -d log y - (1 - d) log(1 - y) for y = sigma(z), with adjoint dl/dz = y - d.

    Computed from z, so that it stays finite for every z.
    """

    needs = "logistic"

    def check(self, readout: Readout, targets: Array, mask: Array | None) -> None:
        super().check(readout, targets, mask)
        if targets.min() < 0 or targets.max() > 1:
            raise ValueError(
                f"targets: expected probabilities in [0, 1], got {targets.min()} to {targets.max()}"
            )

    def values(self, z: Array, y: Array, target: Array) -> Array:
        # log(1 + exp(z)) - d z, with the exponential of a number that is never positive
        positive = z * (z.real > 0)
        tail = np.log(1 + np.exp(z - 2 * positive))
        return positive + tail - target * z

    def adjoint(
        self, readout: Readout, z: Array, y: Array, target: Array, weights: Array | None
    ) -> Array:
        return y - target if weights is None else weights * (y - target)


class CategoricalCrossEntropy(Loss):
    """l = -sum_k d_k log y_k for y = softmax(z), with adjoint dl/dz = (sum_k d_k) y - d.

    Targets are distributions or one-hot rows (T, B, O), or integer classes (T, B). Its
    mask is per step, (T, B): the units share one loss.
    """

    needs = "softmax"

    def check(self, readout: Readout, targets: Array, mask: Array | None) -> None:
        if mask is not None and mask.ndim == 3 and mask.shape[2] > 1:
            raise ValueError(
                f"mask: CategoricalCrossEntropy takes one weight a step, (T, B), got {mask.shape}"
            )
        if targets.ndim == 2:
            if targets.min() < 0 or targets.max() >= readout.output_size:
                raise ValueError(
                    f"targets: expected classes 0 to {readout.output_size - 1}, got "
                    f"{targets.min()} to {targets.max()}"
                )
            return
        super().check(readout, targets, mask)
        if targets.min() < 0:
            raise ValueError(f"targets: expected no negative probability, got {targets.min()}")

    def _rows(self, z: Array, target: Array) -> Array:
        return (
            np.eye(z.shape[-1], dtype=z.real.dtype)[target] if target.dtype.kind in "iu" else target
        )

    def values(self, z: Array, y: Array, target: Array) -> Array:
        shifted = z - z.real.max(axis=-1, keepdims=True)
        log_y = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return -(self._rows(z, target) * log_y).sum(axis=-1, keepdims=True)

    def adjoint(
        self, readout: Readout, z: Array, y: Array, target: Array, weights: Array | None
    ) -> Array:
        d = self._rows(z, target)
        z_bar = d.sum(axis=-1, keepdims=True) * y - d
        return z_bar if weights is None else weights * z_bar
