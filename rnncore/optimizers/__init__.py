"""Optimizers: pure rules that turn a gradient into a step, and clipping.

Learners compute gradients, optimizers use them; neither knows the other.
"""

from rnncore.optimizers.base import Optimizer, OptimizerState
from rnncore.optimizers.clipping import clip_by_norm, clip_by_value, global_norm
from rnncore.optimizers.rules import SGD, Adam, Momentum

__all__ = [
    "SGD",
    "Adam",
    "Momentum",
    "Optimizer",
    "OptimizerState",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
]
