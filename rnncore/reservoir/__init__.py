"""Echo state networks: a random recurrent network that stays as it is, and a trained read-out.

=========================  ====================================================================
:class:`Reservoir`         leaky units with fixed random weights, with or without feedback
:class:`EchoState`         a reservoir with a read-out by ridge regression; free-running mode
:class:`Ridge`             ridge regression by the singular value decomposition
:class:`RLS`               recursive least squares, row by row
:func:`force`              FORCE learning, with the network's own output fed back
:func:`echo_state_test`    whether the start is forgotten
:func:`memory_capacity`    how many past inputs can be read from the state
:func:`spectral_radius`    of large matrices too
:func:`random_matrix`      a random matrix with a given spectral radius and density
=========================  ====================================================================

Sequences are time first, (T, D) or (T, B, D), as everywhere in this package.
"""

from rnncore.reservoir.matrices import random_matrix, spectral_radius
from rnncore.reservoir.network import EchoState, Run
from rnncore.reservoir.online import RLS, ForceRun, RLSMemory, force
from rnncore.reservoir.properties import (
    EchoTest,
    MemoryCapacity,
    echo_state_test,
    memory_capacity,
)
from rnncore.reservoir.reservoir import Reservoir
from rnncore.reservoir.ridge import Choice, Ridge

__all__ = [
    "RLS",
    "Choice",
    "EchoState",
    "EchoTest",
    "ForceRun",
    "MemoryCapacity",
    "RLSMemory",
    "Reservoir",
    "Ridge",
    "Run",
    "echo_state_test",
    "force",
    "memory_capacity",
    "random_matrix",
    "spectral_radius",
]
