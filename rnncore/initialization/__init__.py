"""Initializations: where training starts.

Each function takes parameters and the cell or network they belong to, and returns new
parameters of the same names, shapes and dtypes; what it does not speak of stays as it was.
They compose::

    params = network.init_params(rng)
    params = orthogonal(params, network, rng)
    params = forget_bias(params, network, 1.0)

A gate-major matrix (K n, D) is K matrices side by side, one for each gate: every function
works on each of these blocks alone, so that fan-in and fan-out are those of one gate, and
"orthogonal" means n orthogonal rows in each gate. The blocks are found through stacks, masks
and output feedback; :func:`blocks` lists them. A connection cut by
:class:`~rnncore.cells.Masked` stays zero and counts in no fan-in.

=========================  ==================================================================
:func:`gaussian`           normal with a gain, variance gain² / fan-in
:func:`glorot`             Glorot & Bengio (2010)
:func:`sparse`             k incoming connections a unit: Martens (2010)
:func:`orthogonal`         Saxe, McClelland & Ganguli (2014)
:func:`identity`           recurrent matrices a multiple of the identity
:func:`irnn`               all of the recipe of Le, Jaitly & Hinton (2015)
:func:`spectral_radius`    recurrent matrices scaled to a given spectral radius
:func:`forget_bias`        Gers, Schmidhuber & Cummins (2000); Jozefowicz et al. (2015)
:func:`chrono`             Tallec & Ollivier (2018)
=========================  ==================================================================
"""

from rnncore.initialization.biases import chrono, forget_bias
from rnncore.initialization.blocks import Block, blocks
from rnncore.initialization.matrices import gaussian, glorot, orthogonal, sparse
from rnncore.initialization.recurrent import identity, irnn, spectral_radius

__all__ = [
    "Block",
    "blocks",
    "chrono",
    "forget_bias",
    "gaussian",
    "glorot",
    "identity",
    "irnn",
    "orthogonal",
    "sparse",
    "spectral_radius",
]
