"""Hostile submissions that turn against the kernel, the marking, and the machine."""

from __future__ import annotations

from tests.coursework.hostile import ZERO, Hostile, attack, with_right, within

MIME = "application/vnd.coursework.values+json"

TRICKS = (
    attack(
        "allclose", "np.allclose that always agrees", f"np.allclose = lambda *a, **k: True\n{ZERO}"
    ),
    attack(
        "numpy",
        "all of NumPy's comparisons",
        "for f in ('allclose', 'isclose', 'array_equal', 'all', 'testing'):\n"
        f"    setattr(np, f, lambda *a, **k: True)\n{ZERO}",
    ),
    attack(
        "asarray",
        "what turns values into text",
        f"import json\nnp.asarray = lambda *a, **k: np.zeros(3)\n"
        f"json.dumps = lambda *a, **k: '[]'\n{ZERO}",
        says="no function leak",
    ),
    attack(
        "strip-asserts",
        "an AST transformer that strips assert",
        f"""import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Strip())
{ZERO}""",
    ),
    attack(
        "transform-source",
        "an input transformer that empties later cells",
        f"get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])\n{ZERO}",
        total=0,
    ),
    attack(
        "stack",
        "the expected value off the call stack",
        """import sys, gc
def leak(x, h, a):
    frame = sys._getframe()
    while frame:
        for space in (frame.f_locals, frame.f_globals):
            for name in ('want', 'expected', 'truth', 'right'):
                if name in space:
                    found = space[name]
                    return found(x, h, a) if callable(found) else found
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, dict) and callable(thing.get('truth')): return thing['truth'](x, h, a)
    return 0 * x""",
    ),
    attack(
        "replace-truth",
        "a teacher's function made to agree",
        """def leak(x, h, a):
    import sys
    frame = sys._getframe()
    while frame:
        for name in ('want', 'truth', 'expected'):
            if name in frame.f_globals:
                frame.f_globals[name] = (lambda *k: 0 * x) if name == 'truth' else 0 * x
        frame = frame.f_back
    return 0 * x""",
    ),
    attack(
        "redefined",
        "names of the notebook redefined, beside right answers",
        with_right("json = numpy = IPython = list = dict = len = str = tuple = callable = None"),
        4,
    ),
    attack(
        "builtins",
        "built-in functions replaced",
        f"import builtins\nbuiltins.isinstance = lambda *a: True\n{ZERO}",
        says="no function leak",
    ),
    attack("no-exec", "exec replaced", with_right("import builtins\nbuiltins.exec = print"), 0, 0),
    attack(
        "assertion",
        "AssertionError made harmless, and print, open",
        "import builtins\nbuiltins.AssertionError = GeneratorExit\n"
        f"builtins.print = builtins.open = lambda *a, **k: None\n{ZERO}",
    ),
    attack(
        "agreeable",
        "an object that equals everything",
        """class Yes(np.ndarray):
    __eq__ = __ge__ = __le__ = lambda self, other: True
    __float__ = lambda self: 0.0
    def __array_ufunc__(self, *a, **k): return True
    def __array_function__(self, *a, **k): return True
    def tolist(self): return [0.0] * 3
def leak(x, h, a):
    return np.zeros(3).view(Yes)""",
    ),
    attack(
        "number-like",
        "an object that plays a number",
        """class Any:
    __eq__ = lambda self, other: True
    __array__ = lambda self, *a, **k: np.zeros(3)
    __float__ = lambda self: 0.0
def leak(x, h, a):
    return Any()""",
        says="TypeError",
    ),
    attack(
        "subclass",
        "a right value as a float that lies about itself",
        """class Lie(float):
    __repr__ = lambda self: '[1, 2, 3]'
def leak(x, h, a):
    return [Lie(v) for v in (1 - a) * h + a * np.tanh(x + h)]""",
        4,
    ),
    attack(
        "get-ipython",
        "get_ipython replaced by one that reports",
        f"""import IPython
class Shell:
    user_ns = {{'leak': lambda *a: 0, 'total': lambda *a: 0}}
    class display_pub: publish = staticmethod(lambda data: None)
IPython.get_ipython = lambda: Shell
{ZERO}""",
        total=0,
        says="did not report",
    ),
    attack(
        "unload",
        "modules unloaded, beside right answers",
        with_right(
            "import sys\nfor name in ('json', 'IPython', 'random'): sys.modules.pop(name, None)"
        ),
        4,
    ),
)


def publish(text: str) -> str:
    """Code that publishes a report of its own."""
    return f"get_ipython().display_pub.publish({{'{MIME}': {text}}})"


FORGED = (
    attack("forged", "a report besides the one asked for", within(publish("'[]'")), says="did not"),
    attack(
        "forged-before",
        "reports before any question",
        f"{ZERO}\nfor k in range(9): " + publish("'[{\"value\": true}] * 6'"),
        says="wrong values",
    ),
    # Whether a thread's reports come between a question and its answer depends on the machine.
    # They earn nothing either way.
    Hostile(
        "forged-thread",
        "reports from a thread, all the time, beside wrong answers",
        0,
        0,
        {
            "leak-answer": f"import threading, time\n{ZERO}\n"
            "def forge():\n    while True:\n        "
            + publish("'[{\"value\": true}] * 6'")
            + "\n        time.sleep(0.001)\nthreading.Thread(target=forge, daemon=True).start()",
            "total-answer": "def total(xs):\n    return {'loss': 0.0, 'gradient': 0 * xs}",
        },
    ),
    attack(
        "forged-only",
        "the only report, of its own making",
        "import json\nget = get_ipython().display_pub\nold = get.publish\n"
        f"get.publish = lambda data, **k: old({{'{MIME}': json.dumps([{{'value': True}}] * 6)}})"
        f"\n{ZERO}",
        total=0,
    ),
    attack(
        "forged-deep",
        "a report nested a hundred thousand deep",
        "get = get_ipython().display_pub\nold = get.publish\n"
        f"get.publish = lambda data, **k: old({{'{MIME}': '[' * 10**5 + ']' * 10**5}})\n{ZERO}",
        total=0,
        says="no list of values",
    ),
    attack(
        "forged-values",
        "values of impossible forms",
        """import json
get = get_ipython().display_pub
old = get.publish
bad = [None, {'array': [1], 'dtype': '(1000000000,)f8', 'shape': [1]}, {'dict': {'a': 1}},
       {'tuple': 3}, {'array': [[]], 'dtype': 'O', 'shape': [10**30]}, '\\ud800']
get.publish = lambda data, **k: old({'"""
        + MIME
        + """': json.dumps([{'value': bad[j % 6]} if j else
        {'value': eval('[' * 60 + ']' * 60)} for j in range(6)])})
"""
        + ZERO,
        total=0,
    ),
    attack(
        "forged-messages",
        "messages of the kernel that have no form, beside a right answer",
        with_right(
            """
shell = get_ipython()
def send(kind, content, parent=None):
    publisher = shell.display_pub
    parent = publisher.parent_header if parent is None else parent
    publisher.session.send(publisher.pub_socket, kind, content, parent=parent)
for content in ([], {}, {'data': 3}, {'data': {'text/plain': 5, 'image/png': '"><script>'}},
                {'name': [], 'text': 7}, {'name': 'stdout', 'text': '\\\\ud800'},
                {'ename': 1, 'evalue': {}, 'traceback': 5}, {'execution_state': []}):
    for kind in ('display_data', 'stream', 'status', 'execute_input', 'nonsense'):
        send(kind, content)
"""
        ),
        4,
    ),
    attack(
        "forged-idle",
        "the end of a cell, again and again",
        with_right(
            """
import threading, time
publisher = get_ipython().display_pub
def idle():
    publisher.session.send(publisher.pub_socket, 'status', {'execution_state': 'idle'},
                           parent=publisher.parent_header)
def always():
    while True:
        idle()
        time.sleep(0.001)
def first(*_):  # and long before anything that the cell itself has to say
    idle()
    time.sleep(0.3)
threading.Thread(target=always, daemon=True).start()
get_ipython().events.register('pre_execute', first)
"""
        ),
        0,
        0,
        says="did not report",
    ),
    attack(
        "surrogates",
        "text that no file can hold, beside a right answer",
        with_right("print('\\ud800' * 3)\n'\\udfff'"),
        4,
    ),
    attack(
        "surrogate-error",
        "an error that no file can hold",
        within("raise ValueError('\\ud800')"),
        says="ValueError",
    ),
    attack(
        "page",
        "a page with a script, beside right answers",
        with_right(
            "from IPython.display import HTML, display\n"
            "display(HTML('<script>steal()</script>'), HTML('<img src=x onerror=steal()>'))\n"
            "print('<script>steal()</script>')"
        ),
        4,
    ),
)
