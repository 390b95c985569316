"""What scripts add to the figures, by mouse and by keyboard."""

import re
from typing import Any

import pytest
from pages import IN_ONE_FILE_TOO, Open, leave_viewer
from playwright.sync_api import Locator, Page, expect
from runs import Run

from reportgen.base.artifacts import read_arrays, read_json


def drawn(shown: Run, analysis: str) -> dict[str, Any]:
    """The descriptions of an analysis' figures."""
    return read_json(shown.build / "drawn" / analysis / "artefact.json")["figures"]


def background(tile: Locator) -> str:
    return tile.evaluate("(element) => element.style.backgroundImage + element.style.backgroundPosition")


@pytest.fixture
def layer3(page: Page) -> Locator:
    """Figure 2 of layer 3."""
    return page.locator("#features-layer3")


def test_projections_and_patches_can_be_shown_alone(layer3: Locator) -> None:
    parts = {part: layer3.locator(f'[data-part="{part}"]').first for part in ("projections", "patches")}
    for shown, hidden in (("projections", "patches"), ("patches", "projections")):
        layer3.get_by_label(shown, exact=True).check()
        expect(parts[shown]).to_be_visible()
        expect(parts[hidden]).to_be_hidden()
    layer3.get_by_label("both").check()
    for part in parts.values():
        expect(part).to_be_visible()


@IN_ONE_FILE_TOO
def test_a_map_is_enlarged_to_its_nine_with_what_is_known_of_each(page: Page, layer3: Locator, shown: Run) -> None:
    said = drawn(shown, "features")["layer3"]["maps"][1]
    layer3.locator("button.pair").nth(1).click()
    viewer = page.locator(".viewer")
    expect(viewer.locator("h2")).to_have_text(f"Layer 3, map {said['map']}")
    assert viewer.locator(".nine p").all_inner_texts() == said["details"]
    assert len(said["details"]) == 9
    assert re.match(r"activation [\d.e+-]+, \w+, .+, row \d+, column \d+", said["details"][0])
    tiles = viewer.locator(".tile")
    assert len({background(tiles.nth(place)) for place in range(18)}) == 18
    leave_viewer(page)
    expect(layer3.locator("button.pair").nth(1)).to_be_focused()


def test_the_viewer_shows_the_kind_that_was_chosen(page: Page, layer3: Locator) -> None:
    layer3.get_by_label("patches", exact=True).check()
    layer3.locator("button.pair").first.click()
    tiles = page.locator(".viewer .tile")
    expect(tiles).to_have_count(9)
    for place in range(9):
        expect(tiles.nth(place)).to_have_attribute("aria-label", f"Patch {place + 1}")


def test_the_viewers_buttons_stay_on_a_telephones_screen(opened: Open, shown: Run) -> None:
    page = opened(shown.report, width=360)
    page.locator("#features-layer3 button.pair").first.click()
    for name in ("Close", "map after"):
        expect(page.locator(".viewer").get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    page.locator(".viewer").evaluate("(viewer) => viewer.scrollTo({ top: 9999, behavior: 'instant' })")
    for name in ("Close", "map after"):
        expect(page.locator(".viewer").get_by_role("button", name=name)).to_be_in_viewport(ratio=1)


def test_what_is_wider_than_the_screen_fades_where_there_is_more(opened: Open, shown: Run) -> None:
    page = opened(shown.report, width=360)
    box = page.locator(".figure.Occlusion .scroll").first
    expect(box).to_have_class("scroll more-behind")
    box.evaluate("(box) => box.scrollTo({ left: 40, behavior: 'instant' })")
    expect(box).to_have_class("scroll more-behind more-before")
    box.evaluate("(box) => box.scrollTo({ left: 9999, behavior: 'instant' })")
    expect(box).to_have_class("scroll more-before")
    hint = page.locator(".figure.Occlusion").first.get_by_text("Wider than the screen")
    expect(hint).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    expect(box).to_have_class("scroll")
    expect(hint).to_be_hidden()


def test_a_chart_of_one_panel_is_seen_whole_on_a_telephone(opened: Open, shown: Run) -> None:
    page = opened(shown.report, width=360)
    for kind in ("LineChart", "BarChart"):
        boxes = page.locator(f".figure.{kind}.alone .scroll:visible")
        assert boxes.count()
        for box in boxes.all():
            assert box.evaluate("(box) => box.scrollWidth - box.clientWidth") <= 1
            expect(box).to_have_class("scroll")
            assert box.locator(".drawing").evaluate("(it) => it.clientWidth / it.clientHeight") == pytest.approx(
                box.locator(".drawing").evaluate("(it) => it.getAttribute('width') / it.getAttribute('height')"),
                rel=0.02,
            )


@IN_ONE_FILE_TOO
def test_a_tile_is_cut_out_where_it_lies_in_its_sheet(page: Page, layer3: Locator) -> None:
    """What the viewer shows is, pixel by pixel, the sheet's fifth tile: the one in the middle."""
    layer3.locator("button.pair").first.click()
    tile = page.locator(".viewer .nine li").nth(4).locator(".tile").last
    place = tile.evaluate(
        """(element) => {
        const sheet = document.querySelector("#features-layer3 img[data-part='patches']");
        const box = element.getBoundingClientRect(), style = getComputedStyle(element);
        const width = parseFloat(style.backgroundSize) / 100 * box.width;
        const shift = parseFloat(style.backgroundPosition) / 100 * (box.width - width);
        return { left: -shift / width * sheet.getAttribute("width"), side: box.width / width * sheet.getAttribute("width") };
        }"""
    )
    side, gap = (
        float(page.locator("#features-layer3 .maps").first.get_attribute(f"data-{name}") or 0)
        for name in ("side", "gap")
    )
    assert place == pytest.approx({"left": side + gap, "side": side}, abs=0.1)


@IN_ONE_FILE_TOO
def test_maps_and_layers_are_stepped_through_by_keyboard(page: Page, layer3: Locator, shown: Run) -> None:
    figures = drawn(shown, "features")
    number = {layer: [map_["map"] for map_ in figures[f"layer{layer}"]["maps"]] for layer in (2, 3, 4)}
    heading = page.locator(".viewer h2")
    layer3.locator("button.pair").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(heading).to_have_text(f"Layer 3, map {number[3][1]}")
    for key, layer, place in (
        ("ArrowRight", 3, 2),
        ("ArrowDown", 4, 2),
        ("ArrowLeft", 4, 1),
        ("ArrowUp", 3, 1),
        ("ArrowUp", 2, 1),
        ("ArrowLeft", 2, 0),
        ("ArrowLeft", 2, 0),  # there is none before
    ):
        page.keyboard.press(key)
        expect(heading).to_have_text(f"Layer {layer}, map {number[layer][place]}")
    expect(page.get_by_role("button", name="map before")).to_be_disabled()
    page.get_by_role("button", name="map after").click()
    page.get_by_role("button", name="map before").click()  # which disables itself
    page.keyboard.press("ArrowRight")
    expect(heading).to_have_text(f"Layer 2, map {number[2][1]}")
    page.keyboard.press("ArrowLeft")
    leave_viewer(page)
    expect(page.locator("#features-layer2 button.pair").first).to_be_focused()


def test_tab_stops_once_in_a_layers_maps_at_the_map_seen_last(page: Page, layer3: Locator) -> None:
    pairs = layer3.locator("button.pair")
    reached = "(pairs) => pairs.map((pair) => pair.tabIndex)"
    assert pairs.evaluate_all(reached) == [0] + [-1] * (pairs.count() - 1)
    pairs.first.focus()
    for _ in range(pairs.count() - 1):
        page.keyboard.press("ArrowRight")
    expect(pairs.last).to_be_focused()
    expect(pairs.last).to_be_visible()  # what was folded is open
    assert pairs.evaluate_all(reached) == [-1] * (pairs.count() - 1) + [0]


def test_a_map_is_larger_in_the_viewer_on_a_telephone_too(opened: Open, shown: Run) -> None:
    page = opened(shown.report, width=360)
    page.locator("#features-layer3 button.pair").first.click()
    tiles = page.locator(".viewer .nine .tile")
    widths = [tiles.nth(place).evaluate("(tile) => tile.offsetWidth") for place in range(18)]
    assert min(widths) > 120


def test_a_map_is_found_by_its_number(page: Page, layer3: Locator, shown: Run) -> None:
    numbers = [map_["map"] for map_ in drawn(shown, "features")["layer3"]["maps"]]
    absent = next(number for number in range(99) if number not in numbers)
    field = layer3.get_by_label("Map number")
    field.fill(str(absent))
    field.press("Enter")
    expect(layer3.get_by_role("status").first).to_contain_text(f"Map {absent} is not among those shown: {numbers[0]}")
    for said in (f"{numbers[-1]}", f"0{numbers[-1]}", f"map {numbers[-1]}"):
        field.fill(said)
        field.press("Enter")
        expect(page.locator(".viewer h2")).to_have_text(f"Layer 3, map {numbers[-1]}")
        leave_viewer(page)
    field.fill("the last")
    field.press("Enter")
    expect(layer3.get_by_role("status").first).to_contain_text(f"Give a number of those shown: {numbers[0]}")


def percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"


def test_the_square_follows_pointer_and_keyboard(page: Page, shown: Run) -> None:
    said = drawn(shown, "occlusion")["example1"]
    figure = page.locator("#occlusion-example1")
    stage, readout = figure.locator(".stage"), figure.locator(".readout")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    left, top, width, height = said["panels"][2]  # (d)
    row, column = len(said["tops"]) - 1, 0

    def told(row: int, column: int) -> None:
        expect(readout).to_contain_text(f"rows {said['tops'][row]} to {said['tops'][row] + said['size'] - 1},")
        expect(readout).to_contain_text(f"columns {said['lefts'][column]} to")
        expect(readout).to_contain_text(f"{said['classes'][0]} {percent(said['probability'][row][column])}")
        expect(readout).to_contain_text(f"Most probable: {said['classes'][said['guesses'][row][column]]}")
        expect(readout).to_contain_text(f"Map {said['map']} at {percent(said['activation'][row][column])}")

    page.mouse.move(
        box["x"] + box["width"] * (left + width * (said["lefts"][column] + said["size"] / 2) / said["sides"][1]),
        box["y"] + box["height"] * (top + height * (said["tops"][row] + said["size"] / 2) / said["sides"][0]),
    )
    told(row, column)
    squares = figure.locator(".square:visible")
    assert squares.count() == len(said["panels"]) >= 3  # a map that is silent has no projection
    for place in range(len(said["panels"])):
        square = squares.nth(place).bounding_box()
        assert square is not None
        across = (square["x"] - box["x"]) / box["width"]
        expected = said["panels"][place][0] + said["panels"][place][2] * said["lefts"][column] / said["sides"][1]
        assert across == pytest.approx(expected, abs=0.004)
    stage.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    told(row - 1, column + 1)
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    told(row - 1, 0)


def test_curves_are_read_by_pointer_and_keyboard(page: Page, shown: Run) -> None:
    said = drawn(shown, "invariance")["means"]
    figure = page.locator("#invariance-means")
    figure.evaluate("(figure) => { figure.closest('details').open = true; }")
    stage, readout = figure.locator(".stage"), figure.locator(".readout")
    stage.scroll_into_view_if_needed()
    panel = said["panels"][5]
    line = panel["series"][0]
    curves = read_arrays(shown.build / "invariance" / "result.npz")
    point = 3
    share = (line["x"][point] - panel["x_range"][0]) / (panel["x_range"][1] - panel["x_range"][0])
    box = stage.bounding_box()
    assert box is not None
    left, top, width, height = panel["box"]
    page.mouse.move(box["x"] + box["width"] * (left + width * share), box["y"] + box["height"] * (top + height / 2))
    expect(readout).to_contain_text(f"{panel['title']} at {panel['x_label']} {line['x'][point]:g}, probability:")
    expect(readout).to_contain_text(f"{line['name']} {line['y'][point]:g}")
    measured = [values for name, values in curves.items() if name.endswith("scale.probability")]
    assert line["y"][point] == pytest.approx(measured[0].mean(axis=0)[point], rel=1e-3)
    dot = figure.locator(".dot").first.bounding_box()
    assert dot is not None
    high = (line["y"][point] - panel["y_range"][0]) / (panel["y_range"][1] - panel["y_range"][0])
    assert (dot["y"] + dot["height"] / 2 - box["y"]) / box["height"] == pytest.approx(
        top + height * (1 - high), abs=0.01
    )
    stage.focus()
    page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text(f"{panel['x_label']} {line['x'][point + 1]:g},")
    page.keyboard.press("ArrowDown")
    expect(readout).to_contain_text(said["panels"][6]["title"])


def test_printed_nothing_fades_and_nothing_speaks_of_sliding(opened: Open, shown: Run) -> None:
    page = opened(shown.report, width=360)
    box = page.locator(".figure.Occlusion .scroll").first
    fades = "(box) => getComputedStyle(box).maskImage !== 'none'"
    expect(box).to_have_class("scroll more-behind")
    assert box.evaluate(fades)
    page.emulate_media(media="print")
    assert not box.evaluate(fades)
    expect(page.locator(".figure.Occlusion").first.get_by_text("Wider than the screen")).to_be_hidden()
    expect(page.locator(".figure.Occlusion .readout").first).to_be_hidden()


@pytest.mark.parametrize("width", [360, 1440])
def test_the_values_stay_on_the_screen_below_a_chart_that_is_taller(opened: Open, shown: Run, width: int) -> None:
    page = opened(shown.report, width=width)
    figure = page.locator("#invariance-examples")
    page.set_viewport_size({"width": width, "height": 560})
    figure.evaluate("(figure) => figure.scrollIntoView({ behavior: 'instant' })")
    box = figure.locator(".stage").bounding_box()
    assert box is not None
    assert box["height"] > 560
    page.mouse.move(box["x"] + 0.35 * box["width"], box["y"] + 150)  # on the first panel, right of the images
    expect(figure.locator(".readout")).to_contain_text("distance:")
    expect(figure.locator(".readout")).to_be_in_viewport(ratio=1)
    expect(figure.locator(".moved .window").first).to_be_in_viewport(ratio=1)


@IN_ONE_FILE_TOO
def test_the_images_move_as_those_did_that_gave_the_values(page: Page, shown: Run) -> None:
    said = drawn(shown, "invariance")["examples"]
    figure = page.locator("#invariance-examples")
    stage, scenes = figure.locator(".stage"), figure.locator(".scene")
    stage.scroll_into_view_if_needed()
    assert scenes.count() == len(said["panels"][0]["series"])
    stage.focus()
    page.keyboard.press("ArrowRight")
    most = said["moved"]["window"] * 60 / 224
    for expected in (f"translateY({-100 * round(most) / said['moved']['side']:.2f}", "scale(1", "rotate(0deg)"):
        assert scenes.first.evaluate("(element) => element.style.transform").startswith(expected)
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        for _ in range(40):
            page.keyboard.press("ArrowLeft")
    window, scene = (
        figure.locator(f".{name}").first.evaluate("(part) => part.offsetWidth") for name in ("window", "scene")
    )
    assert scene / window == pytest.approx(said["moved"]["side"] / said["moved"]["window"], abs=0.02)


def test_the_epochs_are_scrubbed(page: Page, shown: Run) -> None:
    said = drawn(shown, "evolution")["layer5"]
    figure = page.locator("#evolution-layer5")
    figure.scroll_into_view_if_needed()
    slider = figure.get_by_label("Epoch")
    frames = figure.locator(".frame")
    assert frames.count() == len(said["maps"])
    seen = []
    for column in reversed(range(len(said["columns"]))):
        epoch = said["columns"][column]["epoch"]
        expect(slider).to_have_attribute("aria-valuetext", f"epoch {epoch}")
        expect(figure.locator("output")).to_have_text(epoch)
        for place, map_ in enumerate(said["maps"]):
            expect(frames.nth(place)).to_contain_text(map_["details"][column])
        mark, strip = figure.locator(".column").first.bounding_box(), figure.locator(".strips img").first.bounding_box()
        assert mark is not None
        assert strip is not None
        middle = (mark["x"] + mark["width"] / 2 - strip["x"]) / strip["width"] * said["maps"][0]["projections"]["width"]
        assert middle == pytest.approx(said["columns"][column]["middle"], abs=1.5)
        seen.append(background(frames.first.locator(".tile").first))
        slider.focus()
        page.keyboard.press("ArrowLeft")
    assert len(set(seen)) == len(said["columns"])
    tile = frames.first.locator(".tile").first.bounding_box()
    assert tile is not None
    assert tile["width"] >= 2 * mark["width"]  # the frames are what one looks at, the strips below them an overview


def test_the_epochs_are_played_to_the_last_and_stop(opened: Open, shown: Run) -> None:
    page = opened(shown.report)
    epochs = [column["epoch"] for column in drawn(shown, "evolution")["layer5"]["columns"]]
    figure = page.locator("#evolution-layer5")
    said = figure.locator("output")
    expect(said).to_have_text(epochs[-1])
    # Both at once, so that no epoch can pass between them.
    figure.get_by_role("button", name="Play").evaluate("(button) => { button.click(); button.click(); }")
    expect(said).to_have_text(epochs[0])
    page.evaluate(
        """() => {
            globalThis.shown = [];
            const said = document.querySelector("#evolution-layer5 output");
            new MutationObserver(() => globalThis.shown.push(said.textContent)).observe(said, { childList: true });
        }"""
    )
    figure.get_by_role("button", name="Play").click()
    expect(said).to_have_text(epochs[-1], timeout=30_000)
    expect(figure.get_by_role("button", name="Play")).to_be_visible()  # it ends by itself
    assert page.evaluate("[...new Set(globalThis.shown)]") == epochs
