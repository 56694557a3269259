"""Initial recurrent matrices: the identity, and a given spectral radius."""

from __future__ import annotations

import numpy as np

from rnncore import checks
from rnncore.cells.base import Array
from rnncore.initialization.blocks import Block, Model, Names, at_least_zero, blocks, choose, fill
from rnncore.params import Params


def identity(
    params: Params,
    model: Model,
    *,
    scale: float = 1.0,
    names: Names = None,
    gates: Names = None,
) -> Params:
    """Set each recurrent matrix to scale * I.

    Parameters
    ----------
    params, model, names, gates
        As for :func:`gaussian`; ``names`` must be recurrent matrices.
    scale
        1 for the longest memory; the paper takes 0.01 where long memory does harm.

    Raises
    ------
    ValueError, TypeError
        As :func:`gaussian`, and if a mask cuts a unit's connection with itself.

    References
    ----------
    Le, Jaitly & Hinton (2015), arXiv:1504.00941. Their whole recipe is :func:`irnn`.

    Examples
    --------
    >>> from rnncore import Vanilla
    >>> cell = Vanilla(2, 2, "relu")
    >>> identity(cell.init_params(np.random.default_rng(0)), cell)["U"]
    array([[1., 0.],
           [0., 1.]])
    """
    scale = at_least_zero(scale, "scale")

    def draw(block: Block) -> Array:
        if not block.mask.diagonal().all():
            raise ValueError(f"model: a mask cuts the diagonal of {block}, which identity needs")
        return scale * np.eye(block.shape[0])

    return fill(params, choose(params, model, ("recurrent",), names, gates), draw)


def irnn(
    params: Params,
    model: Model,
    rng: np.random.Generator,
    *,
    scale: float = 1.0,
    deviation: float = 0.001,
) -> Params:
    """The recipe for networks of rectified linear units.

    Recurrent matrices scale * I, biases zero, all other matrices normal with a small standard
    deviation. Without input such a network keeps its state.

    Parameters
    ----------
    params, model, rng
        As for :func:`gaussian`; the cell should have the activation ``"relu"``.
    scale
        Of the identity.
    deviation
        Standard deviation of the other matrices, 0.001 in the paper.

    References
    ----------
    Le, Jaitly & Hinton (2015), arXiv:1504.00941.

    Examples
    --------
    >>> from rnncore import Linear, Network, SquaredError, Vanilla
    >>> rng, net = np.random.default_rng(0), Network(Vanilla(1, 2, "relu"), Linear(2, 1),
    ...                                             SquaredError())
    >>> irnn(net.init_params(rng), net, rng)["cell.U"].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    checks.generator(rng)
    deviation = at_least_zero(deviation, "deviation")
    result = identity(params, model, scale=scale)
    others = [block for block in blocks(model) if block.role in ("input", "readout")]
    result = fill(result, others, lambda block: deviation * rng.standard_normal(block.shape))
    biases = [block for block in blocks(model) if block.role == "bias"]
    return fill(result, biases, lambda block: np.zeros(block.shape))


def spectral_radius(
    params: Params,
    model: Model,
    radius: float,
    *,
    names: Names = None,
    gates: Names = None,
) -> Params:
    """Scale each recurrent matrix so that its largest eigenvalue has the given modulus.

    ::

        U <- U radius / max_i |lambda_i(U)|

    Parameters
    ----------
    params, model, names, gates
        As for :func:`gaussian`; ``names`` must be recurrent matrices. Draw them first.
    radius
        At least 0.

    Raises
    ------
    ValueError, TypeError
        As :func:`gaussian`, and if all eigenvalues of a matrix are zero.

    References
    ----------
    Jaeger (2001), GMD Report 148; for gradient training Sutskever et al. (2013),
    ICML, who take 1.1.

    Examples
    --------
    >>> from rnncore import Vanilla
    >>> cell = Vanilla(2, 20)
    >>> params = spectral_radius(cell.init_params(np.random.default_rng(0)), cell, 1.1)
    >>> round(float(np.abs(np.linalg.eigvals(params["U"])).max()), 12)
    1.1
    """
    radius = at_least_zero(radius, "radius")
    chosen = choose(params, model, ("recurrent",), names, gates)

    def scaled(block: Block) -> Array:
        matrix = np.asarray(params[block.name][block.index] * block.mask, np.float64)
        size = np.linalg.norm(matrix)
        present = np.abs(np.linalg.eigvals(matrix)).max()
        # A nilpotent matrix has eigenvalues of about eps^(1/n) instead of zero.
        if _nilpotent(matrix) or present <= 1e-14 * size:
            raise ValueError(f"params: all eigenvalues of {block} are zero, it cannot be scaled")
        return matrix * (radius / present)

    return fill(params, chosen, scaled)


def _nilpotent(matrix: Array) -> bool:
    """Whether the graph of the non-zero entries has no cycle, so that all eigenvalues vanish."""
    reach = matrix != 0
    left = np.ones(len(matrix), bool)
    while True:
        kept = left & (reach[:, left].any(axis=1))
        if (kept == left).all():
            return not left.any()
        left = kept
