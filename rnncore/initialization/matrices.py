"""Initial weight matrices."""

from __future__ import annotations

import numpy as np

from rnncore import checks
from rnncore.cells.base import Array
from rnncore.initialization.blocks import Block, Model, Names, at_least_zero, choose, fill
from rnncore.params import Params

MATRICES = ("input", "recurrent", "readout")


def gaussian(
    params: Params,
    model: Model,
    rng: np.random.Generator,
    *,
    gain: float = 1.0,
    names: Names = None,
    gates: Names = None,
) -> Params:
    """Draw matrices from a normal distribution whose variance is gain² / fan-in.

    With gain 1 it is what ``init_params`` does (LeCun et al. 1998); gain sqrt(2) suits
    rectified linear units (He et al. 2015). The fan-in of a unit is the number of its
    uncut connections in that block.

    Parameters
    ----------
    params, model
        Parameters, and the cell or network they belong to.
    rng
        Source of randomness.
    gain
        At least 0.
    names
        Full names of the parameters to draw, such as ``"cell.0.U"``; ``None`` means all
        matrices.
    gates
        Gates to draw, such as ``("f", "i")``; ``None`` means all.

    Returns
    -------
    Params
        New parameters.

    Raises
    ------
    ValueError, TypeError
        If ``params`` do not belong to ``model``, a name or gate is unknown or has no matrix,
        or the gain is not a finite number of at least 0.

    Examples
    --------
    >>> from rnncore import LSTM
    >>> rng, cell = np.random.default_rng(0), LSTM(2, 100)
    >>> params = gaussian(cell.init_params(rng), cell, rng, gain=2.0, names=["U"])
    >>> round(float(params["U"].std()), 1)
    0.2
    """
    checks.generator(rng)
    gain = at_least_zero(gain, "gain")

    def draw(block: Block) -> Array:
        fan_in = np.maximum(block.mask.sum(axis=1, keepdims=True), 1)
        return gain * rng.standard_normal(block.shape) / np.sqrt(fan_in)

    return fill(params, choose(params, model, MATRICES, names, gates), draw)


def glorot(
    params: Params,
    model: Model,
    rng: np.random.Generator,
    *,
    gain: float = 1.0,
    distribution: str = "uniform",
    names: Names = None,
    gates: Names = None,
) -> Params:
    """Draw matrices with variance 2 gain² / (fan-in + fan-out).

    uniform on [-r, r], r = gain sqrt(6 / (fan-in + fan-out)), or normal of the same variance

    Fan-in and fan-out of a connection are the numbers of uncut connections of the unit that it
    enters and the unit that it leaves, within one gate.

    Parameters
    ----------
    params, model, rng, gain, names, gates
        As for :func:`gaussian`.
    distribution
        ``"uniform"`` as in the paper, or ``"normal"``.

    Raises
    ------
    ValueError, TypeError
        As :func:`gaussian`, and if ``distribution`` is neither of the two.

    References
    ----------
    Glorot & Bengio (2010), AISTATS, equation 16 (the "normalized initialization").

    Examples
    --------
    >>> from rnncore import Vanilla
    >>> rng, cell = np.random.default_rng(0), Vanilla(2, 4)
    >>> params = glorot(cell.init_params(rng), cell, rng)
    >>> bool(np.abs(params["W"]).max() <= 1.0)  # sqrt(6 / (2 + 4)) = 1
    True
    """
    checks.generator(rng)
    gain = at_least_zero(gain, "gain")
    if distribution not in ("uniform", "normal"):
        raise ValueError(f"distribution: expected 'uniform' or 'normal', got {distribution!r}")

    def draw(block: Block) -> Array:
        fans = block.mask.sum(axis=1, keepdims=True) + block.mask.sum(axis=0, keepdims=True)
        deviation = gain * np.sqrt(2 / np.maximum(fans, 1))
        if distribution == "normal":
            return deviation * rng.standard_normal(block.shape)
        return deviation * np.sqrt(3) * rng.uniform(-1, 1, block.shape)

    return fill(params, choose(params, model, MATRICES, names, gates), draw)


def sparse(
    params: Params,
    model: Model,
    rng: np.random.Generator,
    *,
    connections: int = 15,
    scale: float = 1.0,
    names: Names = None,
    gates: Names = None,
) -> Params:
    """Give each unit a fixed number of incoming connections, the others zero.

    The input to a unit then keeps its size however wide the layer below is, and the units
    stay different from one another.

    Parameters
    ----------
    params, model, rng, names, gates
        As for :func:`gaussian`.
    connections
        How many of a unit's connections in one block are drawn; a unit that has fewer keeps
        them all.
    scale
        Their standard deviation.

    Raises
    ------
    ValueError, TypeError
        As :func:`gaussian`.

    Notes
    -----
    The zeros are where training starts; they are not held. To cut connections for good, use
    :class:`~rnncore.cells.Masked`.

    References
    ----------
    Martens (2010), ICML (15 connections, unit normal); for recurrent networks
    Sutskever et al. (2013), ICML.

    Examples
    --------
    >>> from rnncore import Vanilla
    >>> rng, cell = np.random.default_rng(0), Vanilla(2, 40)
    >>> params = sparse(cell.init_params(rng), cell, rng, names=["U"])
    >>> set((params["U"] != 0).sum(axis=1).tolist())
    {15}
    """
    checks.generator(rng)
    count = checks.positive_int(connections, "connections")
    scale = at_least_zero(scale, "scale")

    def draw(block: Block) -> Array:
        matrix = np.zeros(block.shape)
        for row, open_ in zip(matrix, block.mask > 0, strict=True):
            free = np.flatnonzero(open_)
            chosen = rng.choice(free, size=min(count, len(free)), replace=False)
            row[chosen] = scale * rng.standard_normal(len(chosen))
        return matrix

    return fill(params, choose(params, model, MATRICES, names, gates), draw)


def orthogonal(
    params: Params,
    model: Model,
    rng: np.random.Generator,
    *,
    gain: float = 1.0,
    names: Names = None,
    gates: Names = None,
) -> Params:
    """Draw random orthogonal matrices, uniformly: gain * Q with Q Q^T = I or Q^T Q = I.

    A linear network with an orthogonal recurrent matrix keeps the length of its state and of
    the adjoints that travel back. Q is that of a QR factorization of a Gaussian matrix, with
    the signs of R's diagonal moved into Q; without this, Q would not be uniform.

    Parameters
    ----------
    params, model, rng, gain, gates
        As for :func:`gaussian`.
    names
        ``None`` means the recurrent matrices alone. A block that is not square gets
        orthonormal rows, or columns if it has more rows than columns.

    Raises
    ------
    ValueError, TypeError
        As :func:`gaussian`, and if a chosen block has cut connections.

    References
    ----------
    Saxe, McClelland & Ganguli (2014), ICLR; Mezzadri (2007), Notices of the AMS 54(5), for
    the signs.

    Examples
    --------
    >>> from rnncore import GRU
    >>> rng, cell = np.random.default_rng(0), GRU(2, 3)
    >>> params = orthogonal(cell.init_params(rng), cell, rng)
    >>> U_z = params["U"][3:6]
    >>> bool(np.allclose(U_z @ U_z.T, np.eye(3)))
    True
    """
    checks.generator(rng)
    gain = at_least_zero(gain, "gain")

    def draw(block: Block) -> Array:
        block.refuse_cuts("orthogonal")
        rows, columns = block.shape
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(rng.standard_normal(tall))
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
        return gain * (q if rows >= columns else q.T)

    roles = ("recurrent",) if names is None else MATRICES
    return fill(params, choose(params, model, roles, names, gates), draw)
