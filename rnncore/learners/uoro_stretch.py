"""UORO over many steps at once: the long factor is never built on the way.

On a pointwise cell, what a step adds to theta~ is an outer product for each group of parameters
that enter the same pre-activations a (see ``rnncore.cells.groups``)::

    nu_t^T F_t = delta_t f_t^T,   delta_t = nu_t^T ds_t/da_t,   f_t = (x_t, h_{t-1}, 1)

(s_{t-1} fixed), so after t steps theta~ is a combination of t + 1 vectors that are known
beforehand, e_0 = theta~_0 and e_k = nu_k^T F_k. With rho1_k as in :class:`~rnncore.learners.UORO`::

    theta~_t = sum_k c_tk e_k,   c_t = c_{t-1} / rho0_t,  and c_tt = 1 / rho1_t

All that a step asks of theta~ is its norm, and with G_jk = <e_j, e_k> that is ::

    |theta~_t|^2 = c_t^T G c_t,   <delta_j f_j^T, delta_k f_k^T> = (delta_j . delta_k) (f_j . f_k)

So only s~ goes step by step, at the cost of D_t s~. The gradient and the last theta~ are two
weighted sums of outer products, which is one matrix product. G takes (T + 1)^2 numbers for each
sequence, little beside the P of theta~ as long as stretches are short.

Rounding. A norm by way of its square has half the digits where the e_k cancel one another, and
a theta~ that falls below the square root of their rounding error may count as zero. A scaling
needs no more digits: it does not touch the product s~ theta~^T, whose mean is the influence.
No absolute value is taken, so that a complex step passes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeGuard

import numpy as np

from rnncore.cells.base import Cell
from rnncore.cells.chain import chain_forward
from rnncore.cells.pointwise import PointwiseCell
from rnncore.cells.tape import Deltas, Elementwise, Partials, Stretch
from rnncore.learners import noise as chance
from rnncore.learners.instant import Steps

Array = np.ndarray


def outer_products(cell: Cell) -> TypeGuard[PointwiseCell]:
    """Whether what a step adds to theta~ is made of outer products.

    It is for pointwise cells whose derivatives are those that follow from their partials. A cut
    connection (``Masked``) makes holes in the products.
    """
    names = ("pull", "collect", "jvp")
    return isinstance(cell, PointwiseCell) and all(
        getattr(type(cell), name) is getattr(PointwiseCell, name) for name in names
    )


def learn_stretch(
    cell: PointwiseCell,
    weights: Mapping[str, Array],
    steps: Steps,
    nu: Array,
    tangent: Array,
    row: Array,
) -> tuple[Array, Array, Array]:
    """s~ (B, N) and theta~ (B, P) after the steps, and the sum of the shares of the gradient (P,).

    ``nu`` (T, B, N) is the noise of each step; ``tangent`` and ``row`` are s~ and theta~ before.
    With credit_t = dl_t/ds_t D_t s~_{t-1}, the shares of ``UORO`` sum to a combination of the e_k,
    as theta~ is one, and an exact part::

        sum_t g_t = sum_k (sum_t credit_t c_{t-1,k}) e_k + sum_t dl_t/ds_t F_t
    """
    tapes = steps.tapes
    assert isinstance(tapes, Stretch)
    d = tapes.partials(0, len(tapes))
    dtype = np.result_type(nu, steps.h_bar, tangent, row, tapes.u, *d.arrays())
    told = np.zeros(nu.shape, dtype)
    told[..., cell.output] = steps.h_bar
    whole = d.total()
    direct, drawn = pull_each(cell, whole, told), pull_each(cell, whole, nu)

    gram = products(cell, tapes, drawn, row.astype(dtype, copy=False))
    norm = np.sqrt(np.einsum("tbn,tbn->tb", nu, nu))
    row_norm = np.sqrt(np.diagonal(gram[:, 1:, 1:], axis1=1, axis2=2).T)
    up, down = chance.scalings(norm, row_norm)  # rho1 and 1 / rho1
    carried = carry(cell, weights, d, tangent, nu * up[..., None], down, gram, steps.forced)

    credit = np.einsum("tbn,tbn->tb", steps.h_bar, carried.pushed[..., cell.output])
    past = np.einsum("tb,tbk->kb", credit, carried.coefficients[:-1])
    factors = np.stack([past, carried.coefficients[-1].T], axis=1)
    rows = combine(cell, weights, tapes, row, drawn, direct, factors)
    return carried.tangent, rows[1], rows[0].sum(axis=0)


def pull_each(cell: PointwiseCell, d: Partials, bars: Array) -> Deltas:
    """``bars`` (T, B, N) times ds_t/da_t, each within its own step, (T, B, K n)."""

    def pull(partials: Elementwise, cuts: Mapping[str, slice]) -> Array:
        width = len(cuts) * cell.hidden_size
        delta = np.zeros((*bars.shape[:2], width), np.result_type(bars, *d.arrays()))
        for (out, by), partial in partials.items():
            delta[..., cuts[by]] += bars[..., cell._state_cuts[out]] * partial
        return delta

    u = pull(d.du, cell._gate_cuts)
    v = u if d.dv is d.du else pull(d.dv, cell._gate_cuts)
    return Deltas(u, v, pull(d.dp, cell._parameter_cuts))


def products(cell: PointwiseCell, tapes: Stretch, drawn: Deltas, row: Array) -> Array:
    """G (B, T + 1, T + 1): the scalar products of theta~_0 and nu_t^T F_t.

    ::

        <theta~_0, delta_k f_k^T> = delta_k^T theta~_0 f_k     (theta~_0 as a matrix)
    """
    parts, start = {}, 0
    for name, shape in cell.shapes.items():
        stop = start + math.prod(shape)
        parts[name] = row[:, start:stop].reshape(len(row), shape[0], -1)
        start = stop
    size = 1 + len(tapes)
    gram = np.zeros((len(row), size, size), row.dtype)
    gram[:, 0, 0] = np.einsum("bp,bp->b", row, row)
    for group in cell._groups:
        delta = group.delta(cell, drawn).swapaxes(0, 1)  # (B, T, K n)
        factor = group.factor(cell, tapes.x, tapes.s[:-1]).swapaxes(0, 1)  # (B, T, d)
        theta = np.concatenate([parts[name] for name in group.places], axis=2)
        gram[:, 1:, 1:] += (delta @ delta.swapaxes(1, 2)) * (factor @ factor.swapaxes(1, 2))
        gram[:, 0, 1:] += np.einsum("btd,btd->bt", delta @ theta, factor)
    gram[:, 1:, 0] = gram[:, 0, 1:]
    return gram


class Carried(NamedTuple):
    """s~_T (B, N), all D_t s~_{t-1} (T, B, N), and c_0 to c_T (T + 1, B, T + 1)."""

    tangent: Array
    pushed: Array
    coefficients: Array


def carry(
    cell: PointwiseCell,
    weights: Mapping[str, Array],
    d: Partials,
    tangent: Array,
    new: Array,
    down: Array,
    gram: Array,
    forced: Sequence[Array | None],
) -> Carried:
    """s~ and the coefficients of theta~ through the stretch.

    ::

        s~_t = rho0_t D_t s~_{t-1} + rho1_t nu_t,   c_t = c_{t-1} / rho0_t,  and c_tt = 1 / rho1_t

    ``new`` (T, B, N) holds rho1_t nu_t and ``down`` (T, B) 1 / rho1_t. Norms are products of
    rows (B, 1, ...) with columns (B, ..., 1), whose views are made before the loop.
    """
    steps = len(new)
    tangent, pushed = tangent.astype(gram.dtype), np.empty(new.shape, gram.dtype)
    c = np.zeros((steps + 1, len(gram), steps + 1), gram.dtype)
    c[0, :, 0] = 1
    c[range(1, steps + 1), :, range(1, steps + 1)] = down
    c_row, c_column = [*c[:, :, None]], [*c[..., None]]
    row, column = [*pushed[:, :, None]], [*pushed[..., None]]
    next_row, zero = tangent[:, None], np.zeros((), gram.dtype)
    squares = np.empty((2, len(gram), 1, 1), gram.dtype)
    of_tangent, of_row = squares
    drawn = [*new]
    for t, _ in enumerate(chain_forward(cell, weights, d, tangent, pushed)):
        np.matmul(row[t], column[t], out=of_tangent)
        np.matmul(c_row[t] @ gram, c_column[t], out=of_row)
        np.maximum(of_row, zero, out=of_row)
        np.sqrt(squares, out=squares)
        rho, inverse = chance.scalings(of_tangent, of_row)
        np.multiply(row[t], rho, out=next_row)
        tangent += drawn[t]
        if (replaced := forced[t]) is not None:
            np.copyto(tangent, 0, where=replaced)
        c_row[t + 1] += c_row[t] * inverse
    return Carried(tangent, pushed, c)


def combine(
    cell: PointwiseCell,
    weights: Mapping[str, Array],
    tapes: Stretch,
    row: Array,
    drawn: Deltas,
    direct: Deltas,
    factors: Array,
) -> Array:
    """The e_k times ``factors`` (T + 1, 2, B), summed: (2, B, P), the first with the exact part."""

    def whole(delta: Array, exact: Array) -> Array:
        part = factors[1:, ..., None] * delta[:, None]
        part[:, 0] += exact
        return part

    u = whole(drawn.u, direct.u)
    v = u if drawn.v is drawn.u else whole(drawn.v, direct.v)
    deltas = Deltas(u, v, whole(drawn.p, direct.p))
    rows = factors[0, ..., None] * row
    start = 0
    for own in cell.collect(weights, tapes, deltas, per_example=True).values():
        flat = own.reshape(*rows.shape[:2], -1)
        stop = start + flat.shape[2]
        rows[..., start:stop] += flat
        start = stop
    return rows
