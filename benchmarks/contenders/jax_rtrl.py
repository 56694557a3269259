"""Real-time recurrent learning as one writes it in JAX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.contenders.jax_scan import compiled, shown, start, step_function, zeros
from benchmarks.prepared import Prepared

CELL_PARAMETERS = ("W", "U", "b", "b_h")


def jacrev(case: Mapping[str, Any]) -> Prepared:
    """The Jacobians of each step by ``jacrev``, and one product on the influence matrix.

    ::

        J_t = D_t J_{t-1} + F_t,    D = jacrev(step, state),    F = jacrev(step, parameters)

    with J of shape (N, P), all within one compiled ``lax.scan``; for the LSTM the two blocks of
    the state are one vector of 2n. B is 1, and the loss is that of the package.
    """
    jax = start()
    jnp, flatten = jax.numpy, jax.flatten_util.ravel_pytree
    cell, step = case["cell"], step_function(case["cell"])
    first, unravel_state = flatten(zeros(case))

    def loss_of(readout: Any, s: Any, d_t: Any) -> Any:
        y = shown(cell, unravel_state(s)) @ readout["V"].T + readout["c"]
        return 0.5 * jnp.sum((y - d_t) ** 2)

    def whole(p: Any, x: Any, d: Any) -> Any:
        inner = {name: p[name] for name in CELL_PARAMETERS if name in p}
        readout = {name: p[name] for name in ("V", "c")}
        theta, unravel = flatten(inner)

        def advance(theta: Any, s: Any, x_t: Any) -> Any:
            q = unravel(theta)
            return flatten(step(q, unravel_state(s), x_t @ q["W"].T + q["b"]))[0]

        def body(carry: Any, now: Any) -> tuple[Any, Any]:
            s, influence, loss, grads = carry
            x_t, d_t = now
            by_theta, by_state = jax.jacrev(advance, (0, 1))(theta, s, x_t)
            s, influence = advance(theta, s, x_t), by_state @ influence + by_theta
            value, (g, s_bar) = jax.value_and_grad(loss_of, (0, 1))(readout, s, d_t)
            share = (g, s_bar @ influence)
            return (s, influence, loss + value, jax.tree.map(jnp.add, grads, share)), None

        nothing = (jax.tree.map(jnp.zeros_like, readout), jnp.zeros_like(theta))
        begin = jnp.zeros((first.size, theta.size), first.dtype)
        carry = (first, begin, jnp.zeros((), first.dtype), nothing)
        (_, _, loss, (g, flat)), _ = jax.lax.scan(body, carry, (x[:, 0], d[:, 0]))
        return loss, {**unravel(flat), **g}

    return compiled(jax, whole, case)


def jacfwd(case: Mapping[str, Any]) -> Prepared:
    """The loss of the whole sequence under ``jacfwd``: P tangents carried through the scan."""
    jax = start()
    jnp, flatten = jax.numpy, jax.flatten_util.ravel_pytree
    cell, step, s_0 = case["cell"], step_function(case["cell"]), zeros(case)

    def whole(p: Any, x: Any, d: Any) -> Any:
        theta, unravel = flatten(p)

        def loss(theta: Any) -> Any:
            q = unravel(theta)

            def body(s: Any, x_t: Any) -> tuple[Any, Any]:
                s = step(q, s, x_t @ q["W"].T + q["b"])
                return s, shown(cell, s)

            _, h = jax.lax.scan(body, s_0, x[:, 0])
            value = 0.5 * jnp.sum((h @ q["V"].T + q["c"] - d[:, 0]) ** 2)
            return value, value

        flat, value = jax.jacfwd(loss, has_aux=True)(theta)
        return value, unravel(flat)

    return compiled(jax, whole, case)
