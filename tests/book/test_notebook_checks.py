"""The checks of the notebooks find what they are for: each on a small notebook that is wrong."""

from pathlib import Path
from typing import Any

import pytest

from tests.book import notebook_checks as checks

Json = dict[str, Any]


def code(source: str = "1", data: Json | None = None, text: str = "", **metadata: Any) -> Json:
    outputs: list[Json] = []
    if data:
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    if text:
        outputs.append({"output_type": "stream", "name": "stdout", "text": text})
    return {"cell_type": "code", "source": source, "outputs": outputs, "metadata": metadata}


def markdown(source: str) -> Json:
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def of(*cells: Json) -> Json:
    return {"cells": list(cells)}


@pytest.mark.parametrize("mime", ["image/png", "image/svg+xml"])
def test_a_figure_without_alt_text_is_found(mime: str) -> None:
    assert len(checks.missing_alt(of(code(data={mime: "x"})))) == 1
    blank = {"image": {"alt": " "}}
    assert len(checks.missing_alt(of(code(data={mime: "x"}, mystnb=blank)))) == 1
    named = {"image": {"alt": "A falling curve."}}
    assert checks.missing_alt(of(code(data={mime: "x"}, mystnb=named))) == []


@pytest.mark.parametrize(
    "html, count",
    [
        ('<img src="a.png">', 1),
        ('<img src="a.png" alt="">', 1),
        ('<img src="a.png" alt="A falling curve.">', 0),
        ("<svg><path></path></svg>", 1),
        ("<svg><title>A falling curve.</title></svg>", 0),
        ('<svg role="img" aria-label="A falling curve."></svg>', 0),
        ('<span aria-hidden="true"><svg></svg></span>', 0),
        ("<canvas></canvas><canvas></canvas>", 2),
    ],
)
def test_pictures_inside_html_need_a_text(html: str, count: int) -> None:
    assert len(checks.missing_alt(of(code(data={"text/html": html})))) == count


def test_a_long_cell_is_found() -> None:
    assert checks.long_cells(of(code("x\n" * 19), markdown("x\n" * 50))) == []
    assert len(checks.long_cells(of(code("x\n" * 20)))) == 1


def test_an_output_that_no_page_can_show_is_found() -> None:
    record = {checks.SETTLE_MIME: {"id": "D.e1"}}
    assert checks.unknown_outputs(of(code(data={**record, "text/plain": "D.e1 holds"}))) == []
    assert len(checks.unknown_outputs(of(code(data=record)))) == 1
    assert len(checks.unknown_outputs(of(code(data={"application/javascript": "x"})))) == 1


@pytest.mark.parametrize(
    "path",
    ["/home/ada/book", "see /tmp/x.npz", "C:\\Users", "lib/python3.11/site-packages/numpy"],
)
def test_a_folder_of_a_machine_is_found(path: str) -> None:
    assert checks.machine_paths(of(markdown(path)))
    assert checks.machine_paths(of(code(path)))
    assert checks.machine_paths(of(code(text=path)))
    assert checks.machine_paths(of(code(data={"text/plain": path})))
    assert checks.machine_paths(of(code(data={"text/html": f"<p>{path}</p>"})))


def test_what_only_looks_like_a_folder_passes() -> None:
    cells = [
        markdown("The ratio h/tmp/n, and https://example.org/home/page"),
        code(
            data={"text/html": '<img src="data:image/png;base64,A/tmp/x">', "image/png": "/tmp/x"}
        ),
    ]
    assert checks.machine_paths(of(*cells)) == []


def test_a_title_without_its_number_is_found() -> None:
    good = of(markdown("(ch:ledger)=\n# 27. The ledger"))
    assert checks.title_troubles(good, "27-ledger.ipynb") == []
    assert checks.title_troubles(of(markdown("# 3. Time")), "03-time.ipynb") == []
    for bad in (of(), of(code("# 27. x")), of(markdown("# Ledger")), of(markdown("# 5. Ledger"))):
        assert len(checks.title_troubles(bad, "27-ledger.ipynb")) == 1


def test_contents_and_files_are_compared(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01-a.ipynb").touch()
    (tmp_path / "index.md").touch()
    (tmp_path / "deep.md").touch()
    deep = {"file": "notebooks/01-a", "sections": [{"file": "deep"}]}
    toc: Json = {"root": "index", "parts": [{"caption": "I", "chapters": [deep]}]}
    assert checks.toc_files(toc) == ["index", "notebooks/01-a", "deep"]
    assert checks.toc_troubles(toc, tmp_path) == []
    (tmp_path / "notebooks" / "02-b.ipynb").touch()
    assert checks.toc_troubles(toc, tmp_path) == ["notebooks/02-b is not in _toc.yml"]
    (tmp_path / "notebooks" / "02-b.ipynb").unlink()
    (tmp_path / "deep.md").unlink()
    assert checks.toc_troubles(toc, tmp_path) == ["_toc.yml lists deep, which does not exist"]
    (tmp_path / "deep.md").touch()
    toc["parts"][0]["chapters"].append({"file": "index"})
    assert set(checks.toc_troubles(toc, tmp_path)) == {"_toc.yml lists index more than once"}
