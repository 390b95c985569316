"""Tables of labels are read as pandas reads them: quotes, byte order marks, odd ends of lines."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reportgen.data.tables import read_table

pandas = pytest.importorskip("pandas")

NASTY = 'a,"a, ""cat""",cat|elk'


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_quotes_marks_and_ends_of_lines(tmp_path: Path, ending: str, mark: str) -> None:
    lines = ["file,text,labels", NASTY, 'b,"two\u2028lines",dog', '"c",,elk|dog', "d,x,cat", 'e,"two\nlines",cat']
    path = tmp_path / "labels.csv"
    path.write_bytes((mark + ending.join(lines) + ending).encode())
    read = pandas.read_csv(path, dtype=str)
    wanted = [(name, tuple(cell.split("|"))) for name, cell in zip(read["file"], read["labels"], strict=True)]
    assert [(row.file, row.labels) for row in read_table(path, "LABELS=t", several=True).rows] == wanted
    assert len(wanted) == 5


CELL = some.text(some.sampled_from('ab ,;"\n\u2028\x0c\x85é'), min_size=1, max_size=6).map(lambda text: f"x{text}x")


@given(some.lists(some.tuples(CELL, CELL), min_size=1, max_size=6, unique_by=lambda row: row[0]))
def test_whatever_pandas_writes_is_read_as_it_reads_it(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("table") / "labels.csv"
    pandas.DataFrame(rows, columns=["file", "label"]).to_csv(path, index=False)
    read = pandas.read_csv(path, dtype=str)
    found = read_table(path, "LABELS=t", ("file", "label")).rows
    assert [(row.file, row.label) for row in found] == list(zip(read["file"], read["label"], strict=True))
