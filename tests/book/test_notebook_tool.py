"""tools/notebooks.py: the normal form, the report, the execution."""

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from tools import notebooks

Json = dict[str, Any]


def chunk(kind: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def png(program: str | None = None) -> str:
    chunks = chunk(b"IHDR", b"header")
    if program:
        chunks += chunk(b"tEXt", b"Software\x00" + program.encode())
    chunks += chunk(b"IDAT", b"pixels") + chunk(b"IEND", b"")
    return base64.b64encode(notebooks.PNG_SIGNATURE + chunks).decode()


def code(source: str = "1", outputs: list[Json] | None = None, count: Any = 1, **more: Any) -> Json:
    return {
        "cell_type": "code",
        "execution_count": count,
        "id": "a",
        "metadata": {},
        "outputs": outputs or [],
        "source": source,
        **more,
    }


def stream(text: str, name: str = "stdout") -> Json:
    return {"output_type": "stream", "name": name, "text": text}


def display(**data: Any) -> Json:
    mimes = {key.replace("_", "/"): value for key, value in data.items()}
    return {"output_type": "display_data", "data": mimes, "metadata": {}}


def write(folder: Path, *cells: Json, normal: bool = True, **top: Any) -> Path:
    notebook = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **top}
    path = folder / "03-time.ipynb"
    if normal:
        path.write_text(notebooks.dumps(notebooks.normalise(notebook, path.name)))
    else:
        path.write_text(json.dumps(notebook))
    return path


def normal_cell(cell: Json) -> Json:
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return notebooks.normalise(notebook, "03-time.ipynb")["cells"][0]


# The normal form


def test_ids_are_kept_made_where_missing_and_renewed_where_double() -> None:
    cells = [code(id="03-001"), code(id="x"), code(id="x"), code(id="not valid!"), code()]
    del cells[-1]["id"]
    normal = notebooks.normalise({"cells": cells}, "03-time.ipynb")
    ids = [cell["id"] for cell in normal["cells"]]
    assert ids == ["03-001", "x", "03-002", "03-003", "03-004"]
    assert notebooks.normalise(normal, "03-time.ipynb") == normal


def test_metadata_of_editors_is_dropped_and_of_the_book_kept() -> None:
    ours = {"mystnb": {"image": {"alt": "A curve."}}, "tags": ["hide-input"]}
    theirs = {"execution": {"iopub.execute_input": "2024"}, "collapsed": True, "scrolled": True}
    assert normal_cell(code(metadata={**ours, **theirs}))["metadata"] == ours
    notebook = {"cells": [], "metadata": {"widgets": {}, "kernelspec": {"name": "my-env"}}}
    metadata = notebooks.normalise(notebook, "03-time.ipynb")["metadata"]
    assert metadata == {
        "kernelspec": notebooks.KERNELSPEC,
        "language_info": notebooks.LANGUAGE_INFO,
    }


def test_printed_pieces_are_joined_and_widgets_leave_nothing() -> None:
    widget: Json = {"output_type": "display_data", "data": {notebooks.WIDGET_MIME: {}}}
    both = display(text_plain="slider")
    both["data"][notebooks.WIDGET_MIME] = {"model_id": "0f"}
    outputs = [stream("a"), stream("b"), widget, stream("c"), both]
    normal = normal_cell(code(outputs=outputs))["outputs"]
    assert [o.get("text") or o["data"] for o in normal] == ["ab", "c", {"text/plain": "slider"}]


def test_a_picture_keeps_its_pixels_and_forgets_its_program() -> None:
    picture = display(image_png=png("matplotlib 3") + "\n")
    html = display(text_html=f'<img src="data:image/png;base64,{png("matplotlib 3")}">')
    first, second = normal_cell(code(outputs=[picture, html]))["outputs"]
    assert first["data"]["image/png"] == png()
    assert second["data"]["text/html"] == f'<img src="data:image/png;base64,{png()}">'
    assert b"pixels" in base64.b64decode(png())


def test_a_damaged_picture_is_named() -> None:
    damaged = base64.b64encode(base64.b64decode(png()).replace(b"pixels", b"pixelz")).decode()
    with pytest.raises(notebooks.NotebookError, match="PNG picture is damaged"):
        normal_cell(code(outputs=[display(image_png=damaged)]))


def test_writing_and_reading_give_the_notebook_back(tmp_path: Path) -> None:
    outputs = [stream("é\n1\n"), display(text_html="<p>\n</p>")]
    record: Json = display(text_plain="x")
    record["data"]["application/json"] = {"lines": ["a", "b"]}
    path = write(tmp_path, code("a = 1\nb = 2", [*outputs, record]))
    assert path.read_text(encoding="utf-8").endswith("}\n")
    notebook = notebooks.read(path)
    assert notebook["cells"][0]["source"] == "a = 1\nb = 2"
    assert notebook["cells"][0]["outputs"][2]["data"]["application/json"]["lines"] == ["a", "b"]
    assert notebooks.dumps(notebook) == path.read_text(encoding="utf-8")


# The report


def test_a_good_notebook_gives_no_report(tmp_path: Path) -> None:
    path = write(tmp_path, code(count=1), code(id="b", count=2))
    assert notebooks.problems(path) == []
    assert notebooks.main(["check", str(path)]) == 0


ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}


@pytest.mark.parametrize(
    "cell, words",
    [
        (code(count=None), "cell 1 (id a, '1') was not executed"),
        (code(count=3), "executed as 3, not in order as 1"),
        (code(source=" "), "is empty"),
        (code(outputs=[stream("RuntimeWarning: overflow", "stderr")]), "wrote to stderr: Runtime"),
        (code(outputs=[ERROR]), "raised ValueError: no"),
    ],
)
def test_what_is_wrong_with_a_cell_is_reported(
    tmp_path: Path, cell: Json, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, cell)
    assert any(words in problem for problem in notebooks.problems(path))
    assert notebooks.main(["check", str(path)]) == 1
    assert words in capsys.readouterr().out


def test_another_form_is_reported_with_its_line_and_mended(tmp_path: Path) -> None:
    path = write(tmp_path, code(), normal=False)
    assert notebooks.problems(path) == ["not in normal form, first at line 1 of the file"]
    assert notebooks.main(["normalise", str(path)]) == 0
    assert notebooks.problems(path) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 1}', '{"cells": [], "nbformat": 3}'])
def test_what_is_no_notebook_is_reported(tmp_path: Path, text: str) -> None:
    path = tmp_path / "03-time.ipynb"
    path.write_text(text)
    assert len(notebooks.problems(path)) == 1


# The execution


def test_executing_twice_gives_the_same_file(tmp_path: Path) -> None:
    source = (
        "import matplotlib.pyplot as plt\nprint(1)\nprint(2)\nfig, ax = plt.subplots()\n"
        "ax.plot([1, 2]);"
    )
    path = write(tmp_path, code(source, count=None), normal=False)
    assert notebooks.main(["run", str(path), "--jobs", "1"]) == 0
    first = path.read_text(encoding="utf-8")
    outputs = notebooks.read(path)["cells"][0]["outputs"]
    assert outputs[0]["text"] == "1\n2\n"
    assert "image/png" in outputs[1]["data"]
    assert notebooks.problems(path) == []
    assert notebooks.main(["run", str(path), "--jobs", "1"]) == 0
    assert path.read_text(encoding="utf-8") == first


@pytest.mark.parametrize(
    "source, words",
    [
        ("1 / 0", "cell 2 (id b, '1 / 0') raised ZeroDivisionError"),
        ("import warnings; warnings.warn('beware')", "wrote to stderr"),
        ("import os; os._exit(1)", "cell 2 (id b, 'import os; os._exit(1)'): "),
    ],
)
def test_a_failing_cell_is_named_and_nothing_stored(
    tmp_path: Path, source: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, code(count=None), code(source, id="b", count=None))
    before = path.read_text(encoding="utf-8")
    assert notebooks.main(["run", str(path), "--jobs", "1"]) == 1
    assert words in capfd.readouterr().out
    assert path.read_text(encoding="utf-8") == before
