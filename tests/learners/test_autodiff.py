"""All exact learners against HIPS autograd, on equations written a second time."""

from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad

from rnncore import BPTT, RTRL, CheckpointedBPTT, Hybrid, Params
from rnncore.verify import compare
from tests.support import by_hand, zoo


def loss_by_hand(cell: str, setting: str, batch: Any, flat: dict[str, Any]) -> Any:
    """The loss of a batch, sequence by sequence, from the equations alone."""
    step, sizes, shown = by_hand.STEPS[cell]
    teacher = zoo.SETTINGS[setting].teacher_forcing
    units = {"teacher": [1], "teacher, learned start": [1, 0]}.get(setting, [])
    cuts = np.cumsum([0, *sizes])
    theta = by_hand.inner(flat, "cell.")
    total = 0.0
    for b in range(batch.size):
        start = flat["initial_state"] if "initial_state" in flat else batch.initial_state[b]
        s = tuple(start[cuts[k] : cuts[k + 1]] for k in range(len(sizes)))
        for t in range(batch.steps):
            s = step(theta, s, batch.inputs[t, b])
            target, mask = batch.targets[t, b], batch.weights[t, b]
            h = s[shown]
            if teacher:
                y = h[np.array(units)]
            else:
                z = anp.dot(flat["readout.V"], h) + flat["readout.b"]
                y = anp.tanh(z) if setting == "squared error" else z
            total = total + anp.sum(mask * 0.5 * (y - target) ** 2)
            if teacher:
                new = [h[k] for k in range(len(h))]
                for k, unit in enumerate(units):
                    if mask[k] > 0:
                        new[unit] = target[k]
                s = (*s[:shown], anp.array(new), *s[shown + 1 :])
    return total / batch.size


@pytest.mark.parametrize(
    "setting", ["squared error", "learned start", "teacher", "teacher, learned start"]
)
@pytest.mark.parametrize("cell", zoo.CELLS)
def test_against_autograd(cell: str, setting: str) -> None:
    rng = np.random.default_rng([5, len(cell), len(setting)])
    net = zoo.network(cell, setting)
    params = zoo.random_params(net, rng)
    if cell == "vanilla relu":
        params = params.replace(**{"cell.b": np.ones(3)})
    batch = zoo.random_batch(net, setting, rng, steps=5, size=2)
    arrays = {name: np.array(array) for name, array in params.items()}
    value = loss_by_hand(cell, setting, batch, arrays)
    assert value == pytest.approx(net.evaluate(params, batch), rel=1e-12)
    truth = Params(grad(lambda flat: loss_by_hand(cell, setting, batch, flat))(arrays))
    for learner in (BPTT, CheckpointedBPTT, RTRL, lambda n: Hybrid(n, block=2)):
        result = compare(learner(net).gradient(params, batch).grads, truth)
        assert result.max_relative < 1e-12, str(result)
