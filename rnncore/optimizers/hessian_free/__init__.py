"""Hessian-free optimization: Gauss-Newton products, conjugate gradients, damping."""

from rnncore.optimizers.hessian_free.curvature import GaussNewton
from rnncore.optimizers.hessian_free.optimizer import HessianFree, HessianFreeState, Report
from rnncore.optimizers.hessian_free.solver import Solution, conjugate_gradients

__all__ = [
    "GaussNewton",
    "HessianFree",
    "HessianFreeState",
    "Report",
    "Solution",
    "conjugate_gradients",
]
