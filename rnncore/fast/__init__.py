"""BPTT compiled by Numba from the same pointwise functions that the book shows.

``from rnncore.fast import BPTT`` gives a learner that takes the place of ``rnncore.BPTT``. It
has no mathematics of cells of its own: a cell's ``pointwise`` and ``partials`` are called once
with symbols, and what they do to them is compiled.

- :mod:`~rnncore.fast.trace` records the functions as a graph of elementwise operations;
- :mod:`~rnncore.fast.plan` puts the forward step and the chain rule on it;
- :mod:`~rnncore.fast.source` writes them as loops over units, in plain Python;
- :mod:`~rnncore.fast.kernels` compiles these, once for each cell and precision, and keeps the
  result in a folder for the next time;
- :mod:`~rnncore.fast.run` goes through a sequence with them. Large recurrent products stay
  NumPy's, small ones are compiled with the rest.

What it gains, and where, is in ``benchmarks/``: most at batch 1, where NumPy spends its time on
calls, and least where large matrix products take nearly all of it.

It is optional: ``pip install '.[fast]'`` brings Numba along. ``import rnncore`` does not load it.
"""

try:
    import numba as _numba  # noqa: F401
except ImportError as _error:
    raise ImportError(
        "rnncore.fast needs Numba, which the extra `fast` installs: pip install 'rnncore[fast]', "
        "or pip install '.[fast]' in a copy of the book; rnncore.BPTT gives the same without it"
    ) from _error

from rnncore.fast.learner import BPTT

__all__ = ["BPTT"]
