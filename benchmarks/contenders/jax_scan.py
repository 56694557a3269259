"""JAX: hand-written steps under ``lax.scan``, differentiated and compiled by ``jit``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.prepared import Prepared

Step = Callable[[Any, Any, Any], Any]


def start() -> Any:
    """JAX with double precision allowed; single stays single."""
    import jax
    import jax.flatten_util

    jax.config.update("jax_enable_x64", True)
    return jax


def step_function(cell: str) -> Step:
    """(params, state, u) to the next state, with u = W x + b worked out before."""
    jax = start()
    jnp, sigmoid = jax.numpy, jax.nn.sigmoid

    def vanilla(p: Any, h: Any, u: Any) -> Any:
        return jnp.tanh(u + h @ p["U"].T)

    def gru(p: Any, h: Any, u: Any) -> Any:
        u_r, u_z, u_n = jnp.split(u, 3, axis=-1)
        v_r, v_z, v_n = jnp.split(h @ p["U"].T + p["b_h"], 3, axis=-1)
        r, z = sigmoid(u_r + v_r), sigmoid(u_z + v_z)
        n = jnp.tanh(u_n + r * v_n)
        return (1 - z) * n + z * h

    def lstm(p: Any, s: Any, u: Any) -> Any:
        h, c = s
        i, f, g, o = jnp.split(u + h @ p["U"].T, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(c), c

    return {"vanilla": vanilla, "GRU": gru, "LSTM": lstm}[cell]


def zeros(case: Mapping[str, Any], *lead: int) -> Any:
    """The initial state."""
    jnp = start().numpy
    h = jnp.zeros((*lead, case["n"]), case["dtype"])
    return (h, h) if case["cell"] == "LSTM" else h


def shown(cell: str, s: Any) -> Any:
    """The part of a state that the read-out sees."""
    return s[0] if cell == "LSTM" else s


def bptt(case: Mapping[str, Any]) -> Prepared:
    """Forward and backward over the whole sequence, compiled beforehand.

    The inputs of all steps meet W in one product, as they do in rnncore.
    """
    jax = start()
    jnp, step, cell = jax.numpy, step_function(case["cell"]), case["cell"]
    batch, s_0 = case["B"], zeros(case, case["B"])

    def loss(p: Any, x: Any, d: Any) -> Any:
        def body(s: Any, u: Any) -> tuple[Any, Any]:
            s = step(p, s, u)
            return s, shown(cell, s)

        _, h = jax.lax.scan(body, s_0, x @ p["W"].T + p["b"])
        y = h @ p["V"].T + p["c"]
        return 0.5 * jnp.sum((y - d) ** 2) / batch

    return compiled(jax, jax.value_and_grad(loss), case)


def compiled(jax: Any, function: Callable[..., Any], case: Mapping[str, Any]) -> Prepared:
    """Compile a function of (params, x, d) that returns loss and gradient."""
    params = {name: jax.numpy.asarray(array) for name, array in case["params"].items()}
    x, d = jax.numpy.asarray(case["x"]), jax.numpy.asarray(case["d"])
    ready = jax.jit(function).lower(params, x, d).compile()

    def run() -> Any:
        return jax.block_until_ready(ready(params, x, d))

    loss, grads = run()
    answer = {"loss": np.asarray(loss)} | {name: np.asarray(g) for name, g in grads.items()}
    return Prepared(run, answer, case["T"] if case.get("by_step") else 1)
