"""Sphinx extension: what the docstrings of the package need to become pages.

- A docstring's ``.. [1]`` is a footnote, and several docstrings on one page would share its label.
  The list under "References" becomes a numbered list, and ``[1]_`` becomes plain ``[1]``.
- What other packages add to a class of ours (matplotlib gives every figure a ``set``) is left out.
- A docstring is also shown on classes that inherit it. Its references to methods are written for
  the class where it stands: they are looked up along the bases.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_FOOTNOTE = re.compile(r"^(\s*)\.\. \[(\d+)\] ")
_FOOTNOTE_USE = re.compile(r"\[(\d+)\]_(?!\w)")


def flatten_footnotes(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Turn the footnotes of a docstring into a numbered list, in place."""
    lines[:] = [_FOOTNOTE_USE.sub(r"[\1]", _FOOTNOTE.sub(r"\1\2. ", line)) for line in lines]


def skip_foreign(
    app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out functions and classes that another package defines."""
    module = getattr(obj, "__module__", None)
    foreign = callable(obj) and isinstance(module, str) and module.split(".")[0] != "rnncore"
    return True if foreign else None


def look_along_bases(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Resolve a reference to a method by the bases of the class that it is written in."""
    keys = ("py:module", "py:class", "reftarget")
    module, owner, target = (str(node.get(key) or "") for key in keys)
    if node.get("refdomain") != "py" or not module or not owner or "." in target:
        return None
    cls = getattr(importlib.import_module(module), owner, None)
    domain: Any = env.get_domain("py")
    for base in getattr(cls, "__mro__", ())[1:]:
        # A class is known by the module that defines it; its page may be that of the package.
        entry = domain.objects.get(f"{base.__module__}.{base.__qualname__}")
        if entry is not None and f"{entry.node_id}.{target}" in domain.objects:
            name = f"{entry.node_id}.{target}"
            docname = str(node["refdoc"])
            return domain.resolve_xref(env, docname, app.builder, "obj", name, node, content)
    return None


def setup(app: Sphinx) -> dict[str, Any]:
    """Work on docstrings before napoleon does (which has priority 500)."""
    app.connect("autodoc-process-docstring", flatten_footnotes, priority=400)
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("missing-reference", look_along_bases)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
