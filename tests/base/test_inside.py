"""Files that a foreign document names lie below its folder."""

from pathlib import Path

import pytest

from reportgen.base.errors import UserError
from reportgen.base.foreign import inside


@pytest.mark.parametrize(
    "name",
    ["../secret", "a/../../secret", "/etc/passwd", "..", "a/..", "\\\\host\\x", "C:\\x", "..\\secret", "a\0b"],
)
def test_a_name_that_leads_out_is_refused_whether_there_is_such_a_file_or_not(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").touch()
    (tmp_path / "report").mkdir()
    with pytest.raises(UserError, match=r"^BASE=report: .* leads out of its folder: name files below it, without"):
        inside(tmp_path / "report", name, "BASE=report")


def test_a_link_that_leads_out_is_refused_and_one_that_does_not_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (tmp_path / "secret").mkdir()
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "circle").symlink_to("circle")
    (folder / "within").symlink_to("figures")
    for name in ("out", "out/key"):
        with pytest.raises(
            UserError, match=rf"^BASE=report: {name} is a link that leads out of .*: put the file itself there"
        ):
            inside(folder, name, "BASE=report")
    for name in ("within/a.jpg", "figures/a b..c.jpg", "..."):
        assert inside(folder, name, "BASE=report") == folder / name
    (tmp_path / "linked").symlink_to(folder)
    assert inside(tmp_path / "linked", "within", "BASE=report") == tmp_path / "linked" / "within"
