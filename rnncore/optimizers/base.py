"""What every optimizer offers: a pure step from parameters and gradient to new parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

from rnncore.params import Params


@dataclass(frozen=True, eq=False)
class OptimizerState:
    """All that an optimizer remembers between steps.

    Attributes
    ----------
    step
        How many steps were made.
    slots
        Named companions of the parameters, for instance ``{"velocity": ...}``.
    """

    step: int
    slots: Mapping[str, Params]


class Optimizer(ABC):
    """A rule that turns a gradient into a step. It holds settings, never state.

    ::

        state = optimizer.init(params)
        params, state = optimizer.step(params, state, grads)
    """

    slot_names: ClassVar[tuple[str, ...]] = ()

    def init(self, params: Params) -> OptimizerState:
        """The state before the first step: all slots zero."""
        return OptimizerState(0, {name: params.zeros_like() for name in self.slot_names})

    @abstractmethod
    def step(
        self, params: Params, state: OptimizerState, grads: Params
    ) -> tuple[Params, OptimizerState]:
        """One step. Arguments are not changed.

        Parameters
        ----------
        params
            The parameters theta.
        state
            From ``init`` or the step before.
        grads
            dL/d theta, named like the parameters.

        Raises
        ------
        ValueError
            If names or shapes of ``grads`` are not those of ``params``.
        """


def positive(value: Any, name: str) -> None:
    """Refuse anything but a positive finite number."""
    if not _is_number(value) or not value > 0:
        raise ValueError(f"{name}: expected a positive finite number, got {value!r}")


def fraction(value: Any, name: str) -> None:
    """Refuse anything but a number from 0 to below 1."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name}: expected a number from 0 to below 1, got {value!r}")


def _is_number(value: Any) -> bool:
    try:
        return isfinite(value) and not isinstance(value, bool)
    except TypeError:
        return False
