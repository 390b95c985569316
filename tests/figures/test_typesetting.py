"""Charts are lettered as the page is set."""

from pathlib import Path

import numpy as np
import pytest
from figure_samples import WORDS

from reportgen.figures.draw import draw, style
from reportgen.figures.kinds import BarChart, LineChart, Panel, Series


def test_what_is_written_in_a_chart_is_set_as_on_the_page(tmp_path: Path) -> None:
    line = Series("11x11, stride 4", np.arange(3.0), np.arange(3.0))
    other = Series("7x7, stride 2", np.arange(3.0), np.arange(3.0) + 1)
    chart = LineChart(
        **WORDS, panels=(Panel("the net's 67% of 5 x 5", "cycles per pixel", "share (%)", (line, other)),)
    )
    bars = BarChart(**WORDS, names=("cat", "dog"), values=np.array([0.1, 0.2]), x_label="share of 7x7 (%)")
    drawn = draw({"chart": chart, "bars": bars}, tmp_path)
    written = "".join((tmp_path / f"{name}.svg").read_text(encoding="utf-8") for name in drawn)
    for said in ("11×11, stride 4", "7×7, stride 2", "the net’s 67\u00a0% of 5×5", "share (%)", "share of 7×7 (%)"):
        assert f">{said}<" in written, said
    assert "11x11" not in written


@pytest.mark.parametrize("letters", ["AVo 0.5", "Größe µ ≥ α", "Ωж", "網"])
def test_letters_cut_from_the_common_ones_are_those_of_the_whole_font(letters: str) -> None:
    for weight, file in style.FILES.items():
        assert style._subset(weight, letters) == style._cut(style.FONTS / file, letters)
