"""The linear read-out takes any leading axes: none, a batch, times, and more."""

from __future__ import annotations

import numpy as np
import pytest

from rnncore import Linear
from rnncore.verify import complex_step_jacobian

N, O = 4, 3  # noqa: E741
LEADS = [(), (1,), (5,), (2, 5), (6, 2, 5), (0,), (2, 0, 5)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ["identity", "tanh", "softmax"])
@pytest.mark.parametrize("lead", LEADS)
def test_forward(lead: tuple[int, ...], activation: str, bias: bool) -> None:
    """Each vector by itself gives what it gives among the others."""
    rng = np.random.default_rng(len(lead))
    readout = Linear(N, O, activation, bias)
    params = readout.init_params(rng).map(lambda a: rng.standard_normal(a.shape))
    h = rng.standard_normal((*lead, N))
    h.flags.writeable = False
    z, y = readout.forward(params, h)
    assert z.shape == y.shape == (*lead, O)
    for at in np.ndindex(lead):
        want = params["V"] @ h[at] + (params["b"] if bias else 0)
        np.testing.assert_allclose(z[at], want, rtol=1e-14, atol=1e-15)
        if activation == "softmax":
            want_y = np.exp(want) / np.exp(want).sum()
        else:
            want_y = np.tanh(want) if activation == "tanh" else want
        np.testing.assert_allclose(y[at], want_y, rtol=1e-13)


@pytest.mark.parametrize("lead", LEADS)
def test_pull(lead: tuple[int, ...]) -> None:
    rng = np.random.default_rng(len(lead))
    readout = Linear(N, O)
    params = readout.init_params(rng)
    z_bar = rng.standard_normal((*lead, O))
    z_bar.flags.writeable = False
    h_bar = readout.pull(params, z_bar, N)
    assert h_bar.shape == (*lead, N)
    jacobian = complex_step_jacobian(lambda h: readout.forward(params, h)[0], np.zeros(N))
    for at in np.ndindex(lead):
        np.testing.assert_allclose(h_bar[at], jacobian.T @ z_bar[at], rtol=1e-13, atol=1e-15)


def test_views_that_are_not_contiguous() -> None:
    """What a cell shows is a view of its states: strided in its last axes."""
    rng = np.random.default_rng(0)
    readout = Linear(N, O)
    params = readout.init_params(rng)
    states = rng.standard_normal((6, 2, 2 * N))
    shown = states[..., :N]
    z, _ = readout.forward(params, shown)
    np.testing.assert_allclose(z, np.einsum("tbn,on->tbo", shown, params["V"]), rtol=1e-13)
    grads = readout.collect(shown, z)
    np.testing.assert_allclose(grads["V"], np.einsum("tbo,tbn->on", z, shown), rtol=1e-13)
    h_bar = readout.pull(params, z.swapaxes(0, 1), N)
    np.testing.assert_allclose(h_bar, np.einsum("tbo,on->btn", z, params["V"]), rtol=1e-13)


def test_types_are_kept() -> None:
    rng = np.random.default_rng(1)
    readout = Linear(N, O)
    params = readout.init_params(rng, np.float32)
    h = rng.standard_normal((5, N))
    for dtype in (np.float32, np.float64, np.complex128):
        z, _ = readout.forward(params, h.astype(dtype))
        assert z.dtype == readout.pull(params, z, N).dtype == dtype
