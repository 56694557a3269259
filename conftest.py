"""What pytest leaves out: without Numba the optional extra ``fast`` cannot be imported."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("numba") else ["rnncore/fast"]
