"""ARTBP: the mean over all cuts, each with its probability, is the exact gradient.

Nothing is sampled. The truth is a table of derivatives by complex step: what the parameters used
in step i alone do to the loss of step t. A pattern of cuts gives each entry a weight.
"""

from functools import cache
from itertools import product
from math import prod

import numpy as np
import pytest

from rnncore import BPTT, Batch, Network, Params
from rnncore.learners.artbp import ARTBP, falling
from rnncore.verify import complex_step_jacobian, relative_error
from tests.learners.test_truncated import case, piece
from tests.support import zoo

STEPS = 5
CUTS = {"constant": 0.3, "falling": falling(2.5, 4.0), "rising": lambda age: 1 - 0.8**age}
PATTERNS = list(product((False, True), repeat=STEPS - 1))
CASES = [
    ("vanilla tanh", "squared error"),
    ("vanilla tanh", "teacher, learned start"),
    ("LSTM", "learned start"),
    ("LSTM", "teacher"),
    ("GRU", "no mask"),
    ("mixed stack", "teacher, learned start"),
    ("masked feedback", "learned start"),
]


class Coins(np.random.Generator):
    """A generator whose coins fall as they are told."""

    def __init__(self, cuts: tuple[bool, ...]) -> None:
        super().__init__(np.random.PCG64(0))
        self.cuts = iter(cuts)

    def random(self, *_, **__):  # type: ignore[no-untyped-def, override]
        return 0.0 if next(self.cuts) else 1 - 2.0**-53


def estimate(cell: str, setting: str, cut, cuts: tuple[bool, ...]) -> np.ndarray:  # type: ignore[no-untyped-def]
    """What ARTBP gives for these cuts; the coin after the last step makes no difference."""
    net, params, batch = case(cell, setting, STEPS, 2)
    return ARTBP(net, cut).gradient(params, batch, Coins((*cuts, False))).grads.flat()


def chances(cut, cuts: tuple[bool, ...]) -> list[float]:  # type: ignore[no-untyped-def]
    """c_t of steps 1 ... T - 1, given the cuts before."""
    found, age = [], 0
    for happened in cuts:
        age += 1
        found.append(cut(age) if callable(cut) else cut)
        age = 0 if happened else age
    return found


def probability(cut, cuts: tuple[bool, ...]) -> float:  # type: ignore[no-untyped-def]
    return prod(c if x else 1 - c for c, x in zip(chances(cut, cuts), cuts, strict=True))


def mean(cell: str, setting: str, cut, change=lambda one, cuts: one) -> np.ndarray:  # type: ignore[no-untyped-def]
    return sum(probability(cut, x) * change(estimate(cell, setting, cut, x), x) for x in PATTERNS)


@cache
def table(cell: str, setting: str) -> np.ndarray:
    """d l_t / d (the parameters as used in step i), (T, T, P): entry [i, t]."""
    net, params, batch = case(cell, setting, STEPS, 2)
    late = Network(net.cell, net.readout, net.loss, False, net.teacher_forcing)
    later = Params({n: a for n, a in params.items() if n != "initial_state"})

    def losses(flat: np.ndarray, i: int) -> np.ndarray:
        before = net.forward(params, batch).states[i] if i else batch.initial_state
        moved = params.unflatten(flat)
        if i:
            moved = Params({name: moved[name] for name in later})
        now = (late if i else net).forward(moved, piece(batch, i, i + 1, before))
        found = [np.zeros(i), now.losses]
        if i + 1 < STEPS:
            rest = piece(batch, i + 1, STEPS, now.states[-1])
            found.append(late.forward(later, rest).losses)
        return np.concatenate(found)

    return np.stack(
        [
            complex_step_jacobian(lambda flat, i=i: losses(flat, i), params.flat())
            for i in range(STEPS)
        ]
    )


def truth(cell: str, setting: str) -> np.ndarray:
    return table(cell, setting).sum(axis=(0, 1))


def by_definition(cell: str, setting: str, cut, cuts: tuple[bool, ...]) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Each path from loss t to step i counts prod 1 / (1 - c), or nothing if it is cut."""
    c, total = chances(cut, cuts), 0
    for t in range(STEPS):
        for i in range(t + 1):
            weight = prod(0 if cuts[k] else 1 / (1 - c[k]) for k in range(i, t))
            total = total + weight * table(cell, setting)[i, t]
    return total


@pytest.mark.parametrize(("cell", "setting"), CASES)
def test_the_table_is_right(cell: str, setting: str) -> None:
    net, params, batch = case(cell, setting, STEPS, 2)
    assert (
        relative_error(truth(cell, setting), BPTT(net).gradient(params, batch).grads.flat()) < 1e-13
    )


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("cell", "setting"), CASES)
def test_the_mean_over_all_cuts_is_the_gradient(cell: str, setting: str, cut: str) -> None:
    assert sum(probability(CUTS[cut], x) for x in PATTERNS) == pytest.approx(1, abs=1e-14)
    assert relative_error(mean(cell, setting, CUTS[cut]), truth(cell, setting)) < 1e-12


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize(("cell", "setting"), CASES[:4])
def test_every_single_pattern(cell: str, setting: str, cut: str) -> None:
    """Each pattern is what its definition says; and far from the mean."""
    far = []
    for x in PATTERNS:
        one = estimate(cell, setting, CUTS[cut], x)
        assert relative_error(one, by_definition(cell, setting, CUTS[cut], x)) < 1e-12
        far.append(relative_error(one, truth(cell, setting)))
    assert min(far) > 1e-3
    assert max(far) > 0.1


def agrees(cell: str, setting: str, cut: str, cuts: tuple[bool, ...]) -> None:
    """One pattern, against the definition."""
    got = estimate(cell, setting, CUTS[cut], cuts)
    assert relative_error(got, by_definition(cell, setting, CUTS[cut], cuts)) < 1e-12


# The same lines as the tests beside it, on more cells: not worth a trace.
@pytest.mark.no_cover
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_every_cell(cell: str) -> None:
    agrees(cell, "learned start", "falling", (False, True, False, False))


@pytest.mark.parametrize("cut", CUTS)
def test_a_wrong_compensation_is_seen(cut: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without factors, or with those of other chances, the mean is not the gradient."""
    cell, setting = CASES[0]
    want = truth(cell, setting)
    from rnncore.learners import artbp

    right = artbp.Past
    for factor in (lambda keep: 1.0, lambda keep: keep**2, lambda keep: 1.01 * keep):
        with monkeypatch.context() as patch:
            patch.setattr(artbp, "Past", lambda t, h, f, k, w=factor: right(t, h, f, w(k)))
            assert relative_error(mean(cell, setting, CUTS[cut]), want) > 1e-3
    wrong = sum(estimate(cell, setting, CUTS[cut], x) / len(PATTERNS) for x in PATTERNS)
    assert relative_error(wrong, want) > 1e-2  # all patterns alike


def test_no_cut_is_bptt() -> None:
    for cell in zoo.CELLS:
        net, params, batch = case(cell, "learned start", 6, 2)
        got = ARTBP(net, 0.0).gradient(params, batch, np.random.default_rng(0))
        want = BPTT(net).gradient(params, batch)
        assert relative_error(got.grads.flat(), want.grads.flat()) < 1e-12
        assert got.loss == pytest.approx(want.loss, rel=1e-13)


def test_step_by_step() -> None:
    """A stretch's gradient comes where it is cut, the rest with flush; a cut empties the memory."""
    net, params, batch = case("LSTM", "teacher, learned start", STEPS, 2)
    cuts = (False, True, False, True, False)
    learner = ARTBP(net, 0.3)
    memory, total, kept = learner.init(params, 2, None, Coins(cuts)), params.zeros_like(), []
    for t in range(STEPS):
        step = (batch.inputs[t], batch.targets[t], batch.weights[t])
        memory, out = learner.step(params, memory, *step)
        assert (out.grads.norm() > 0) == cuts[t]
        total = total + out.grads
        kept.append(len(memory.past))
    assert kept == [1, 0, 1, 0, 1]
    rest = learner.flush(params, memory)
    assert rest.norm() > 0
    assert np.all(rest["initial_state"] == 0)
    want = estimate("LSTM", "teacher, learned start", 0.3, cuts[:-1])
    assert relative_error((total + rest).flat(), want) < 1e-12
    assert learner.flush(params, learner.init(params, 2, None, Coins(cuts))).norm() == 0


def test_a_seed_settles_everything() -> None:
    net, params, batch = case("LSTM", "no mask", 12, 2)
    first, again, other = (
        ARTBP(net, 0.3).gradient(params, batch, np.random.default_rng(seed)).grads
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(("length", "exponent"), [(2.0, 4.0), (5.0, 6.0), (3.0, 8.0)])
def test_falling_chances(length: float, exponent: float) -> None:
    """The mean length of a stretch is what was asked for; long ones are rare as a power."""
    chance, survival, total = falling(length, exponent), [1.0], 0.0
    for age in range(1, 20_000):
        total += survival[-1]
        survival.append(survival[-1] * (1 - chance(age)))
    assert total == pytest.approx(length, rel=1e-4)
    power = np.log(survival[10_000] / survival[5_000]) / np.log(2)
    assert power == pytest.approx(1 - exponent, rel=0.01)


@pytest.mark.parametrize("cut", [0.1, 0.25, 0.5])
def test_cost(cut: float) -> None:
    """One pull a step, whatever the chance; the mean stretch is 1 / c long."""
    net = zoo.network("vanilla tanh", "no mask")
    params, rng = zoo.random_params(net, np.random.default_rng(0)), np.random.default_rng(3)
    learner, pulls, lengths = ARTBP(net, cut), 0, []
    real = net.cell.pull

    def counted(*arguments):  # type: ignore[no-untyped-def]
        nonlocal pulls
        pulls += 1
        return real(*arguments)

    net.cell.pull = counted  # type: ignore[method-assign]
    memory, weights = learner.init(params, 1, None, rng), net.prepare(params)
    x, target = np.ones((1, 2)), np.zeros((1, 2))
    for _ in range(2000):
        before = len(memory.past)
        memory, _ = learner.advance(weights, memory, x, target, None)
        if not memory.past:
            lengths.append(before + 1)
    assert pulls + len(memory.past) == 2000
    error = np.std(lengths) / np.sqrt(len(lengths))
    assert abs(np.mean(lengths) - 1 / cut) < 3 * error
    assert error < 0.1 / cut


def test_float32_follows_the_inputs() -> None:
    net, params, batch = case("mixed stack", "learned start", STEPS, 2)
    half = Batch(batch.inputs.astype("f4"), batch.targets.astype("f4"), batch.mask)
    cuts = (False, True, False, False, False)
    single = ARTBP(net, 0.3).gradient(params.astype("f4"), half, Coins(cuts))
    double = ARTBP(net, 0.3).gradient(params, batch, Coins(cuts))
    assert single.grads.dtype == np.float32
    assert np.asarray(single.loss).dtype == np.float32
    assert relative_error(single.grads.flat(), double.grads.flat()) < 1e-5


def test_the_card() -> None:
    learner = ARTBP(zoo.network("LSTM"), 0.1)
    assert (learner.kind, learner.online, learner.random) == ("unbiased", True, True)


def test_bad_arguments_are_refused() -> None:
    net, params, batch = case("LSTM", "no mask", STEPS, 2)
    for bad in (1.0, -0.1, np.nan, lambda age: 1.5):
        with pytest.raises(ValueError, match=r"cut: expected a chance in \[0, 1\)"):
            ARTBP(net, bad)
    for wrong in ("often", None, True):
        with pytest.raises(TypeError, match="cut: expected a chance or a function"):
            ARTBP(net, wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="got 1 at age 3"):
        ARTBP(net, lambda age: int(age == 3)).gradient(params, batch, np.random.default_rng(0))
    with pytest.raises(TypeError, match="rng: ARTBP draws random numbers"):
        ARTBP(net, 0.1).gradient(params, batch)
    with pytest.raises(TypeError, match="rng: expected a numpy.random.Generator"):
        ARTBP(net, 0.1).gradient(params, batch, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="length: expected"):
        falling(1.0, 4.0)
    with pytest.raises(ValueError, match="exponent: expected"):
        falling(5.0, 2.0)
