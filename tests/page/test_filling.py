"""The order in which blocks fill the PDF's pages; pages here are 100 px high."""

from dataclasses import replace
from io import BytesIO
from xml.etree.ElementTree import fromstring

import pytest
from pypdf import PdfReader

from reportgen.page import filling, pdf
from reportgen.page.filling import Block, Galley, arranged, few_stay_together
from reportgen.page.template_files import templates

HEADING = Block("heading", 5, 5)


def words(height: float) -> Block:
    return Block("words", height, min(height, 8))


def figure(height: float) -> Block:
    return Block("figure", height, height)


def in_rows(*heights: float) -> Block:
    """One that may break between rows of these heights."""
    return Block("figure", sum(heights), heights[0], rows=heights)


def test_what_fits_stays_in_order():
    blocks = [HEADING, words(20), figure(30), words(20)]
    assert arranged(blocks, 100) == ([0, 1, 2, 3], {0, 1}, set(), set(), 75)


def test_a_figure_that_does_not_fit_lets_the_words_after_it_go_first():
    blocks = [words(50), figure(60), words(30), words(30), words(10)]
    order, _, _, _, filled = arranged(blocks, 100)
    assert order == [0, 2, 3, 1, 4]
    assert filled == 50 + 30 + 30 - 100 + 60 + 10


def test_a_page_that_is_nearly_full_ends_before_the_figure():
    assert arranged([words(85), figure(60), words(30)], 100)[0] == [0, 1, 2]


def test_two_side_by_side_are_parted_only_where_nothing_else_fills_the_page():
    pair = Block("figure", 50, 50, parted=(45, 45))
    assert arranged([words(40), pair], 100) == ([0, 1], set(), set(), set(), 90)  # it fits
    assert arranged([words(80), pair], 100) == ([0, 1], set(), set(), set(), 50)  # the page is full enough
    assert arranged([words(55), pair, words(40)], 100) == ([0, 2, 1], set(), set(), set(), 50)  # words go before it
    assert arranged([words(55), pair, figure(90)], 100) == ([0, 1, 2], set(), set(), {1}, 90)
    assert arranged([words(65), pair, figure(90)], 100).parted == set()  # not even the first fits
    assert arranged([words(50), HEADING, pair, figure(90)], 100).parted == {2}


def test_no_figure_passes_another():
    blocks = [words(50), figure(60), figure(60), words(60)]
    assert arranged(blocks, 100)[0] == [0, 3, 1, 2]


def test_a_figure_that_breaks_between_its_rows_begins_where_its_first_row_fits():
    assert arranged([words(50), in_rows(*[20] * 7, 10), words(30)], 100) == ([0, 1, 2], set(), set(), set(), 10 + 30)


def test_one_that_fits_on_a_page_stays_whole_where_words_or_nearly_nothing_fill_the_page_before():
    rows = in_rows(*[20] * 4)
    assert arranged([words(80), rows], 100) == ([0, 1], set(), {1}, set(), 80)
    assert arranged([words(50), rows, words(30)], 100) == ([0, 2, 1], set(), {1}, set(), 80)
    assert arranged([words(50), rows, figure(90)], 100) == (
        [0, 1, 2],
        set(),
        set(),
        set(),
        90,
    )  # half a page would be white
    assert arranged([words(10), rows], 100) == ([0, 1], set(), set(), set(), 90)  # it fits
    both = [words(80), HEADING, words(5), rows]
    assert arranged(both, 100) == ([0, 1, 2, 3], {1, 2}, {3}, set(), 90)


def test_a_heading_whose_figure_breaks_begins_with_its_first_row_and_never_stays_behind():
    blocks = [words(65), HEADING, words(5), in_rows(12, 30, 30), HEADING, words(10), figure(90)]
    order, together, whole, _, _ = arranged(blocks, 100)
    assert order == sorted(order)
    assert {1, 2} <= together
    assert not whole


def test_a_table_with_a_heading_of_its_own_goes_before_a_figure_that_does_not_fit():
    table = replace(figure(20), series="table")
    assert arranged([words(50), figure(60), HEADING, words(10), table, words(5)], 100).order == [0, 2, 3, 4, 5, 1]
    assert arranged([words(50), figure(60), table, words(5)], 100).order == [0, 3, 1, 2]  # it belongs to the figure
    assert arranged([words(50), figure(60), HEADING, words(10), replace(table, height=40)], 100).order == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_few_rows_do_not_stand_alone_on_a_page():
    assert few_stay_together((9, 1, 2, 3, 4, 5, 6, 7), 4, 3) == (9 + 1 + 2 + 3, 4, 5 + 6 + 7)
    assert few_stay_together((9, 1, 2, 3, 4, 5), 4, 3) == (24,)
    assert few_stay_together((1, 2, 3), 1, 1) == (1, 2, 3)


def test_a_broken_figure_leaves_white_what_its_next_row_does_not_fill():
    assert arranged([words(50), in_rows(30, 30, 30), figure(90)], 100).order == [0, 1, 2]
    assert arranged([words(50), in_rows(30, 30, 30)], 100).filled == 60


def test_the_space_above_is_left_out_at_the_top_of_a_page():
    low = Block("figure", 60, 60, above=10)
    assert arranged([words(80), low], 100).filled == 50


def test_a_heading_stays_with_the_figure_that_follows_its_words():
    blocks = [words(75), HEADING, words(10), figure(50), words(10)]
    order, together, _, _, _ = arranged(blocks, 100)
    assert order == sorted(order)
    assert {1, 2} <= together  # so WeasyPrint moves all three to the next page

    blocks = [words(85), HEADING, words(10), figure(50)]
    assert arranged(blocks, 100)[1] == {1, 2}


def test_a_heading_with_a_figure_of_its_own_does_not_go_before_another():
    blocks = [words(50), figure(60), HEADING, words(10), figure(20), words(40)]
    assert arranged(blocks, 100)[0] == [0, 1, 2, 3, 4, 5]


def test_every_block_is_kept_whatever_the_heights():
    blocks = [HEADING, figure(250), words(250), HEADING, HEADING, figure(10), figure(99), words(1)]
    for filled in (0.0, 50.0, 99.0):
        assert sorted(arranged(blocks, 100, filled)[0]) == list(range(len(blocks)))


@pytest.mark.parametrize("kind", ["figure", "div class='beside'"])
def test_the_tree_is_put_into_that_order_by_where_its_blocks_lay(kind: str):
    root = fromstring(
        f"<body><section class='title'><p/></section><section><p id='a'/><{kind}><img/></{kind.split()[0]}><p/></section></body>"
    )
    galley = Galley(root, ("title",))
    [section] = [one for one in root.iter("section") if one.get("class") is None]
    names = [one.get("id") for one in section]
    assert all(names)
    first = {names[0]: (0.0, 10.0, 50.0, 210.0)}
    second = {names[1]: (0.0, 10.0, 50.0, 260.0), names[2]: (0.0, 261.0, 50.0, 360.0)}
    galley.arrange([first, second], 10.0, 400.0)
    assert [one.get("id") for one in section] == [names[0], names[2], names[1]]


def test_figures_side_by_side_are_measured_each_and_said_to_be_parted():
    pair = "<div class='beside'><figure id='b' class='figure'/><figure id='c' class='figure'/></div>"
    root = fromstring(f"<body><section><p id='a'/>{pair}<figure id='d' class='figure'/></section></body>")
    galley = Galley(root, ())
    [section] = root
    first = {"a": (0.0, 10.0, 50.0, 210.0)}
    second = {section[1].get("id"): (0.0, 10.0, 50.0, 230.0)}
    second |= {"b": (0.0, 10.0, 25.0, 150.0), "c": (25.0, 10.0, 50.0, 230.0), "d": (0.0, 231.0, 50.0, 400.0)}
    galley.arrange([first, second], 10.0, 400.0)
    assert section[1].get("class") == "beside parted"


LINES = "<div class='line' style='height: 120px'></div>" * 2
ROWS = "<div class='row' style='height: 90px'></div>" * 4


def table(rows: int) -> str:
    body = "<tr><td>b</td></tr>" * rows
    return f"<table class='plain'><thead><tr><th>a</th></tr></thead><tbody>{body}</tbody></table>"


BROKEN = [
    "ImageGrid:" + LINES,
    "ImageGrid:" + ROWS,
    "LineChart:" + LINES,
    *(f"Table:{table(rows)}" for rows in (1, 2, 4, 12)),
]


@pytest.mark.parametrize("inside", BROKEN)
@pytest.mark.parametrize("before", [100, 560, 660, 700, 735, 760, 800, 880, 940])
def test_the_layout_follows_the_plan(before: int, inside: str, monkeypatch: pytest.MonkeyPatch):
    """Pages are planned once: what print.css lets break and what the plan lets break must be the same."""
    kind, _, content = inside.partition(":")
    figure = f"<figure class='figure {kind} rows-apart'>{content}</figure>"
    section = f"<section><p style='height: {before}px'></p>{figure}{figure}<p style='height: 40px'></p></section>"
    planned = []
    monkeypatch.setattr(filling, "arranged", lambda *words: planned.append(arranged(*words)) or planned[-1])
    weasyprint = pytest.importorskip("weasyprint")
    style = weasyprint.CSS(filename=templates() / "print.css")
    pages = pdf._filled(weasyprint.HTML(string=f"<html lang='en'>{section}</html>"), [style], None).pages
    blocks = [box for name, box in pages[-1].anchors.items() if "row" not in name]
    assert planned[0].filled == pytest.approx(max(bottom for *_, bottom in blocks) - pdf.TOP, abs=0.1)


def test_where_blocks_lie_is_the_same_without_what_only_measuring_leaves_out():
    """Headers, and the numbers of pages in the contents and behind claims."""
    claim = "<tr id='claim'><th><a class='page' href='#last'>A claim.</a></th></tr>"
    entry = "<li><a href='#last'>The last section</a></li>"
    page = f"""<html lang='en'><h1>A report</h1><nav class='contents'><ul>{entry * 3}</ul></nav>
        <table class='claims'><tbody>{claim}</tbody></table><h2 id='first'>First</h2>
        <p style='height: 900px'></p><section><h2 id='last'>Last</h2></section></html>"""
    weasyprint = pytest.importorskip("weasyprint")
    styles = [weasyprint.CSS(filename=templates() / "print.css")]
    measuring = [*styles, weasyprint.CSS(string=pdf.MEASURED)]
    printed, measured = (weasyprint.HTML(string=page).render(stylesheets=rules) for rules in (styles, measuring))
    assert [one.anchors for one in printed.pages] == [one.anchors for one in measured.pages]
    headers = [
        PdfReader(BytesIO(one.write_pdf())).pages[1].extract_text().count("A report") for one in (printed, measured)
    ]
    assert headers == [1, 0]
