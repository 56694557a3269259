"""Verification: derivatives without derivation, and reports that name the worst entry."""

from rnncore.verify.compare import Comparison, compare, relative_error
from rnncore.verify.complex_step import (
    complex_step,
    complex_step_jacobian,
    directional_derivative,
)

__all__ = [
    "Comparison",
    "compare",
    "complex_step",
    "complex_step_jacobian",
    "directional_derivative",
    "relative_error",
]
