"""Keeping a gradient from being too large."""

from __future__ import annotations

import numpy as np

from rnncore.optimizers.base import positive
from rnncore.params import Params


def global_norm(grads: Params) -> float:
    """The Euclidean norm over all entries of all parameters.

    Scaled by the largest entry first, so that squares of huge entries do not overflow.

    Examples
    --------
    >>> global_norm(Params({"a": [3.0], "b": [4.0]}))
    5.0
    """
    flat = np.abs(grads.flat()).astype(np.float64)
    largest = float(flat.max(initial=0.0))
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.sum((flat / largest) ** 2)))


def clip_by_norm(grads: Params, limit: float) -> Params:
    """Shorten the gradient to ``limit`` where it is longer; its direction stays.

    Parameters
    ----------
    grads
        The gradient.
    limit
        Largest norm allowed, over all parameters together.

    References
    ----------
    R. Pascanu, T. Mikolov and Y. Bengio (2013), On the difficulty of training recurrent neural
    networks, ICML, algorithm 1.

    Examples
    --------
    >>> clip_by_norm(Params({"a": [30.0], "b": [40.0]}), 5.0).flat()
    array([3., 4.])
    """
    positive(limit, "limit")
    norm = global_norm(grads)
    return grads if norm <= limit else (limit / norm) * grads


def clip_by_value(grads: Params, limit: float) -> Params:
    """Cut each entry to [-limit, limit]; the direction may change.

    Parameters
    ----------
    grads
        The gradient.
    limit
        Largest magnitude of an entry.

    References
    ----------
    T. Mikolov (2012), Statistical language models based on neural networks, PhD thesis, Brno
    University of Technology.

    Examples
    --------
    >>> clip_by_value(Params({"a": [30.0], "b": [-0.5]}), 1.0).flat()
    array([ 1. , -0.5])
    """
    positive(limit, "limit")
    return grads.map(lambda array: np.clip(array, -limit, limit))
