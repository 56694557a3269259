"""The one matrix: every learner that is exported, on every cell, held to the class it declares.

Exact ones against complex step; biased ones alive, of the right form, and off where they must be;
unbiased ones besides in the mean over all signs or coins of a short sequence. Where a learner has
no meaning it says so. Deeper tests of each learner stand in the file of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod

import numpy as np
import pytest

from rnncore import LSTM, Batch, Masked, MemoryCell, Network
from rnncore.cells import Cell
from rnncore.cells.diagonal import DiagonalCell
from rnncore.cells.pointwise import PointwiseCell
from rnncore.learners import Learner
from rnncore.learners.overview import every_learner, make_learner
from rnncore.verify import compare, relative_error
from tests.learners.test_artbp import Coins
from tests.learners.test_exact import TOLERANCE, case
from tests.learners.test_kf_rtrl import GOOD
from tests.support import chance, zoo

LEARNERS = {learner.__name__: learner for learner in every_learner()}
CELLS = list(zoo.CELLS)
SETTINGS = ("squared error", "learned start", "teacher, learned start")
OFF = 1e-3  # a biased or single random gradient is further from the truth than that


def inside(cell: Cell) -> Cell:
    """The cell under any masks."""
    return inside(cell.cell) if isinstance(cell, Masked) else cell


def local(name: str) -> bool:
    return isinstance(inside(zoo.CELLS[name]()), PointwiseCell)


def diagonal(name: str) -> bool:
    return isinstance(inside(zoo.CELLS[name]()), DiagonalCell)


def carousel(name: str) -> bool:
    cell = inside(zoo.CELLS[name]())
    return isinstance(cell, LSTM | MemoryCell) and not cell.elementwise


# Where a learner has a meaning; one that is not named here works on everything.
MEANING: dict[str, Callable[[str], bool]] = {
    "DiagonalRTRL": diagonal,
    "TruncatedLSTM": carousel,
    "KFRTRL": lambda name: name in GOOD,
} | {name: local for name in ("EProp", "RFLO", "RandomEProp", "AdaptiveEProp")}
# These put feedback weights in the place of a read-out's, so they need one that has weights.
NEED_A_READOUT = {"RFLO", "RandomEProp", "AdaptiveEProp"}
# Where units do not hear each other these cut nothing off. (But SnAp-1 does where two state
# blocks hear each other and a weight enters one of them alone: its pattern is not yet saturated.)
EXACT_IF_DIAGONAL = {
    "EProp": diagonal,
    "SnAp": lambda name: diagonal(name) and name != "linear recurrent unit",
}


def has_meaning(learner: str, cell: str) -> bool:
    return MEANING.get(learner, lambda name: True)(cell)


def of_kind(kind: str) -> list[tuple[str, str]]:
    return [
        (name, cell)
        for name, learner in LEARNERS.items()
        for cell in CELLS
        if learner.kind == kind and has_meaning(name, cell)
    ]


def settings(learner: str) -> list[str]:
    return [s for s in SETTINGS if learner not in NEED_A_READOUT or "teacher" not in s]


def of_the_readout(name: str) -> bool:
    return name.startswith("readout.")


def run(learner: str, cell: str, setting: str):  # type: ignore[no-untyped-def]
    """What the learner gives, and the truth; the forms agree and the loss is right."""
    net, params, batch, truth = case(cell, setting, 6, 2)
    made = make_learner(LEARNERS[learner], net)
    rng = np.random.default_rng(1)
    loss, grads = made.gradient(params, batch, rng if made.random else None)
    assert grads.names == params.names
    assert grads.shapes == params.shapes
    assert grads.dtype == np.float64
    assert np.isfinite(grads.flat()).all()
    assert loss == pytest.approx(net.evaluate(params, batch), rel=1e-12)
    return grads, truth


def error_of_one(learner: str, cell: str, setting: str) -> float:
    """Alive in each parameter of the cell, and exact in the read-out: how far off is the rest?"""
    grads, truth = run(learner, cell, setting)
    for name in truth:
        if of_the_readout(name):
            assert relative_error(grads[name], truth[name]) < TOLERANCE, name
        elif name.startswith("cell."):
            assert np.abs(grads[name]).max() > 1e-12, name
    if learner == "SnAp" and "initial_state" in truth:
        # SnAp-1 follows a learned start for no step at all.
        grads = grads.replace(initial_state=truth["initial_state"])
    return compare(grads, truth).max_relative


def not_exact(learner: str, cell: str) -> None:
    """In some settings what is cut off may be next to nothing; in all of them it is not."""
    errors = [error_of_one(learner, cell, setting) for setting in settings(learner)]
    if learner in EXACT_IF_DIAGONAL and EXACT_IF_DIAGONAL[learner](cell):
        assert max(errors) < TOLERANCE
    else:
        assert max(errors) > OFF


@pytest.mark.parametrize(("learner", "cell"), of_kind("exact"))
def test_exact(learner: str, cell: str) -> None:
    for setting in settings(learner):
        grads, truth = run(learner, cell, setting)
        result = compare(grads, truth)
        assert result.max_relative <= TOLERANCE, f"{setting}: {result}"


@pytest.mark.parametrize(("learner", "cell"), of_kind("biased"))
def test_biased(learner: str, cell: str) -> None:
    not_exact(learner, cell)


@pytest.mark.parametrize(("learner", "cell"), of_kind("unbiased"))
def test_one_random_gradient(learner: str, cell: str) -> None:
    not_exact(learner, cell)


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_order_of_the_names_does_not_matter(learner: str) -> None:
    """Parameters named in another order than the network's: the same gradient, in their order."""
    cells = [cell for cell in ("GRU", "masked diagonal LSTM", "LSTM") if has_meaning(learner, cell)]
    for cell in cells:
        net, params, batch, _ = case(cell, "learned start", 6, 2)
        turned = params.ordered(reversed(params.names))
        made = make_learner(LEARNERS[learner], net)
        one, other = (
            made.gradient(p, batch, np.random.default_rng(1) if made.random else None).grads
            for p in (params, turned)
        )
        assert other.names == turned.names
        assert other == one
    assert cells


@pytest.mark.parametrize("learner", [name for name in LEARNERS if LEARNERS[name].online])
def test_the_numbers_are_of_one_kind(learner: str) -> None:
    """Classes leave float32 as it is; wider targets make the gradient as wide."""
    cell = next(
        c for c in ("GRU", "LSTM", "vanilla tanh", "diagonal LSTM") if has_meaning(learner, c)
    )
    for setting, wide, want in (
        ("classes", False, np.float32),
        ("no mask", False, np.float32),
        ("no mask", True, np.float64),
    ):
        net, params, batch, _ = case(cell, setting, 3, 2)
        targets = batch.targets if wide or setting == "classes" else batch.targets.astype("f4")
        start = None if batch.initial_state is None else batch.initial_state.astype("f4")
        narrow = Batch(batch.inputs.astype("f4"), targets, batch.mask, start)
        made = make_learner(LEARNERS[learner], net)
        rng = np.random.default_rng(1) if made.random else None
        grads = made.gradient(params.astype("f4"), narrow, rng).grads
        assert {array.dtype for array in grads.values()} == {np.dtype(want)}, setting


def mean_over_signs(learner: Learner, net: Network, count: int, last: int, steps: int) -> float:
    """The error of the mean over all patterns of signs; the ``last`` ones count for nothing."""
    params, batch, exact = chance.case(net, "squared error", steps, seed=3)
    rows = chance.all_but_the_last(count, last)
    return compare(chance.mean_over(learner, params, batch, rows), exact).max_relative


def uoro(learner: Learner, net: Network) -> float:
    size = net.cell.state_size
    return mean_over_signs(learner, net, size, size, steps=2)


def kf_rtrl(learner: Learner, net: Network) -> float:
    return mean_over_signs(learner, net, 6, 2, steps=4)


def artbp(learner: Learner, net: Network) -> float:
    """All coins of three steps, each pattern with its probability."""
    params, batch, exact = chance.case(net, "squared error", 3, seed=3)
    cut, mean = learner.cut, 0.0  # type: ignore[attr-defined]
    for coins in product((False, True), repeat=2):
        probability = prod(cut if coin else 1 - cut for coin in coins)
        grads = learner.gradient(params, batch, Coins((*coins, False))).grads
        mean = mean + probability * grads.flat()
    return relative_error(mean, exact.flat())


def forward_gradient(learner: Learner, net: Network) -> float:
    """Orthogonal patterns are enough, since the estimate is v v^T times the gradient."""
    params, batch, exact = chance.case(net, "squared error", 2, seed=3)
    rows = np.ones((1, 1))
    while len(rows) < net.cell.size:
        rows = np.block([[rows, rows], [rows, -rows]])
    rows = rows[:, : net.cell.size]
    every = [chance.alone(learner, params, batch, row) for row in rows]
    return relative_error(np.mean(every, axis=0), exact.flat())


MEANS = {"UORO": uoro, "KFRTRL": kf_rtrl, "ARTBP": artbp, "ForwardGradient": forward_gradient}
# The forward gradient has as many patterns as parameters: the cells with few, and one of each sort.
FEW = ("vanilla tanh", "fully recurrent", "second order", "leaky", "GRU", "stack of two")


@pytest.mark.parametrize(
    ("learner", "cell"),
    [(n, c) for n, c in of_kind("unbiased") if n != "ForwardGradient" or c in FEW],
)
def test_the_mean_is_exact(learner: str, cell: str) -> None:
    net = zoo.network(cell, "squared error")
    assert MEANS[learner](make_learner(LEARNERS[learner], net), net) < TOLERANCE


def test_some_of_the_patterns_are_not_enough() -> None:
    """The mean can be wrong: two signs that always agree leave a bias."""
    net = zoo.network("GRU", "squared error")
    params, batch, exact = chance.case(net, "squared error", 2, seed=3)
    rows = chance.all_but_the_last(3, 3)
    tied = rows[rows[:, 0] == rows[:, 1]]
    mean = chance.mean_over(LEARNERS["UORO"](net), params, batch, tied)
    assert compare(mean, exact).max_relative > OFF


@pytest.mark.parametrize(
    ("learner", "cell"),
    [(n, c) for n in LEARNERS for c in CELLS if not has_meaning(n, c)],
)
def test_where_it_has_no_meaning_it_says_why(learner: str, cell: str) -> None:
    with pytest.raises((ValueError, TypeError), match="^network: .{20}"):
        make_learner(LEARNERS[learner], zoo.network(cell))


@pytest.mark.parametrize("learner", sorted(NEED_A_READOUT & set(LEARNERS)))
def test_feedback_needs_a_readout_with_weights(learner: str) -> None:
    with pytest.raises(ValueError, match="network: .* read-out"):
        make_learner(LEARNERS[learner], zoo.network("LSTM", "teacher"))


def test_the_matrix_is_whole() -> None:
    """Each class has its learners, and no learner is left without a cell."""
    covered = {kind: of_kind(kind) for kind in ("exact", "unbiased", "biased")}
    assert all(covered.values())
    assert {name for pairs in covered.values() for name, _ in pairs} == set(LEARNERS)
    assert set(LEARNERS) >= {"BPTT", "CheckpointedBPTT", "RTRL", "Hybrid", "UORO", "SnAp", "DNI"}
    unbiased = {name for name, _ in covered["unbiased"]}
    assert unbiased <= set(MEANS), "an unbiased learner without a mean over its patterns"
    cells = {cell for _, cell in covered["exact"]}
    assert cells == set(CELLS)
