"""Optimizers: pure rules that turn a gradient into a step, and clipping.

Learners compute gradients, optimizers use them; neither knows the other. Hessian-free
optimization and the Kalman filter need more than a gradient, and take the network itself.
"""

from rnncore.optimizers.base import Optimizer, OptimizerState
from rnncore.optimizers.clipping import clip_by_norm, clip_by_value, global_norm
from rnncore.optimizers.hessian_free import (
    GaussNewton,
    HessianFree,
    conjugate_gradients,
)
from rnncore.optimizers.kalman import ExtendedKalman
from rnncore.optimizers.rmsprop import RMSProp
from rnncore.optimizers.rules import SGD, Adam, Momentum

__all__ = [
    "SGD",
    "Adam",
    "ExtendedKalman",
    "GaussNewton",
    "HessianFree",
    "Momentum",
    "Optimizer",
    "OptimizerState",
    "RMSProp",
    "clip_by_norm",
    "clip_by_value",
    "conjugate_gradients",
    "global_norm",
]
