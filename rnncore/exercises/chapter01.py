"""Exercises of chapter 1: from one neuron to a network with memory."""

from __future__ import annotations

import numpy as np

from rnncore.exercises.model import Exercise, Mistake

Array = np.ndarray


def _neuron(w: Array, x: Array, d: float) -> tuple[float, float]:
    """Output y and error e = d - y of a logistic neuron."""
    y = 1 / (1 + np.exp(-(w @ x)))
    return y, d - y


def _update(w: Array, x: Array, d: float, rate: float) -> Array:
    y, e = _neuron(w, x, d)
    return rate * e * y * (1 - y) * x


def _uphill(w: Array, x: Array, d: float, rate: float) -> Array:
    return -_update(w, x, d, rate)


def _without_slope(w: Array, x: Array, d: float, rate: float) -> Array:
    return rate * _neuron(w, x, d)[1] * x


def _slope_of_output(w: Array, x: Array, d: float, rate: float) -> Array:
    y, e = _neuron(w, x, d)
    again = 1 / (1 + np.exp(-y))
    return rate * e * again * (1 - again) * x


def _new_weights(w: Array, x: Array, d: float, rate: float) -> Array:
    return w + _update(w, x, d, rate)


def _neuron_inputs(rng: np.random.Generator) -> tuple[Array, Array, float, float]:
    return rng.normal(size=3), rng.normal(size=3), float(rng.random()), float(rng.uniform(0.1, 1))


EXERCISES = [
    Exercise(
        id="ch1.1",
        prompt="update(w, x, d, rate): the gradient step of one logistic neuron, J = e**2 / 2",
        kind="function",
        reference=_update,
        inputs=_neuron_inputs,
        mistakes=[
            Mistake(
                "a step uphill",
                _uphill,
                "The error is e = d - y, so dy/dw enters dJ/dw with a minus; "
                "the step is minus the gradient.",
            ),
            Mistake(
                "the step of a linear neuron",
                _without_slope,
                "The chain rule passes through f: the factor f'(s) is missing.",
            ),
            Mistake(
                "a step with f' taken at the output",
                _slope_of_output,
                "f' belongs to the net input s = w x, where it is y (1 - y).",
            ),
            Mistake(
                "the new weights",
                _new_weights,
                "Return the change of the weights alone.",
            ),
        ],
    ),
]
