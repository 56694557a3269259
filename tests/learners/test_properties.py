"""Any shapes, any sizes: the exact learners agree (Hypothesis chooses)."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncore import (
    BPTT,
    GRU,
    LSTM,
    RTRL,
    Batch,
    CheckpointedBPTT,
    GRUResetBefore,
    Hybrid,
    Linear,
    Network,
    SquaredError,
    Stack,
    Vanilla,
    pad,
)
from rnncore.verify import compare, complex_step

CELLS = [Vanilla, LSTM, GRU, GRUResetBefore]


@settings(max_examples=60)
@given(
    kinds=st.lists(st.sampled_from(CELLS), min_size=1, max_size=3),
    units=st.integers(1, 5),
    inputs=st.integers(1, 4),
    outputs=st.integers(1, 3),
    steps=st.integers(1, 9),
    size=st.integers(1, 4),
    block=st.integers(1, 12),
    every=st.integers(1, 12),
    learned=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_all_shapes(kinds, units, inputs, outputs, steps, size, block, every, learned, seed):
    rng = np.random.default_rng(seed)
    cells = [kind(inputs if k == 0 else units, units) for k, kind in enumerate(kinds)]
    net = Network(Stack(cells), Linear(units, outputs), SquaredError(), learned)
    params = net.init_params(rng).map(lambda a: rng.standard_normal(a.shape))
    start = None if learned else rng.standard_normal((size, net.cell.state_size))
    mask = rng.random((steps, size, outputs))  # fractional weights too
    batch = Batch(
        rng.standard_normal((steps, size, inputs)),
        rng.standard_normal((steps, size, outputs)),
        mask,
        start,
    )
    want = BPTT(net).gradient(params, batch).grads
    along = params.map(lambda a: rng.standard_normal(a.shape)).flat()
    moved = params.unflatten(params.flat() + 1e-30j * along)
    slope = net.evaluate(moved, batch).imag / 1e-30
    assert abs(want.flat() @ along - slope) <= 1e-11 * max(1.0, np.abs(want.flat() * along).max())
    for learner in (CheckpointedBPTT(net, every), RTRL(net), Hybrid(net, block)):
        difference = (learner.gradient(params, batch).grads - want).norm()
        assert difference <= 1e-11 * max(want.norm(), 1e-3)


@settings(max_examples=25)
@given(lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4), seed=st.integers(0, 10**6))
def test_a_padded_batch_is_the_mean_of_its_sequences(lengths, seed):
    rng = np.random.default_rng(seed)
    net = Network(LSTM(2, 3), Linear(3, 2), SquaredError())
    params = net.init_params(rng)
    pairs = [(rng.standard_normal((n, 2)), rng.standard_normal((n, 2))) for n in lengths]
    for learner in (BPTT(net), RTRL(net), Hybrid(net, 2)):
        together = learner.gradient(params, pad(pairs))
        alone = [learner.gradient(params, Batch(x, d)) for x, d in pairs]
        mean = sum((one.grads.flat() for one in alone), np.zeros(params.size)) / len(pairs)
        np.testing.assert_allclose(together.grads.flat(), mean, rtol=1e-10, atol=1e-13)
        assert np.isclose(together.loss, np.mean([one.loss for one in alone]))


def test_complex_inputs_flow_through():
    """The gradient by the inputs can be checked by complex step too."""
    rng = np.random.default_rng(0)
    net = Network(GRU(2, 3), Linear(3, 1), SquaredError())
    params = net.init_params(rng)
    targets = rng.standard_normal((4, 1, 1))
    x = rng.standard_normal((4, 1, 2))
    moved = x.astype(complex)
    moved[1, 0, 0] += 1e-30j
    slope = net.evaluate(params, Batch(moved, targets)).imag / 1e-30
    step = 1e-6
    up, down = x.copy(), x.copy()
    up[1, 0, 0] += step
    down[1, 0, 0] -= step
    central = net.evaluate(params, Batch(up, targets)) - net.evaluate(params, Batch(down, targets))
    assert np.isclose(slope, central / (2 * step), rtol=1e-7)
    assert slope != 0
    result = compare(
        {"a": complex_step(lambda p: net.evaluate(p, Batch(x, targets)), params).flat()},
        {"a": BPTT(net).gradient(params, Batch(x, targets)).grads.flat()},
    )
    assert result.max_relative < 1e-12
