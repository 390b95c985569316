"""What sliding a square over images leaves behind: examples, the sample, and what the sample says of two claims."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from reportgen.analyses.occlusion import localisation as measure
from reportgen.analyses.occlusion import square
from reportgen.analyses.occlusion.square import Unit
from reportgen.base.progress import track
from reportgen.data.dataset import Split
from reportgen.data.sampling import evenly
from reportgen.data.several import taken_for
from reportgen.look.inputs import Inputs
from reportgen.look.sight import field_of
from reportgen.look.squares import square_sums
from reportgen.look.strongest import Top, search

OTHERS = 3  # projections of the same map in other images, figure 7(c)
GALLERY = 12  # images
AT_ONCE, MOST = 8, 16  # other maps whose projections are looked at together, and in all
DIM = 0.12  # of its brightness is left to a pixel of the gallery that can be covered at no cost


@dataclass(frozen=True)
class Example:
    """One image under the sliding square: what figure 7 shows of it."""

    name: str
    split: str  # "test" or "validation"
    true: int  # its class
    guess: int  # what the net takes the whole image for
    image: UInt8[np.ndarray, "row column 3"]
    outline: Bool[np.ndarray, "row column"]  # where the object lies; nowhere if that is not known
    tops: Int[np.ndarray, " top"]  # first covered row of pixels
    lefts: Int[np.ndarray, " left"]
    map: int  # of the watched layer: it holds the image's largest activation
    activation: Float[np.ndarray, "top left"]  # of that map: the sum of its values above zero
    clean_activation: float
    probability: Float[np.ndarray, "top left"]  # of the true class
    clean_probability: float
    guesses: Int[np.ndarray, "top left"]  # the most probable class
    projections: UInt8[np.ndarray, "picture row column 3"]  # of the map: in this image, then in others
    sources: tuple[str, ...]  # class of each of these images
    whole: str = ""  # why more was computed than what the square changes; see `reportgen.probe.Occlusion`


@dataclass(frozen=True)
class Sweep:
    """The sample: test images under a square that moves by half its side (or by the stride, if that is more)."""

    images: Int[np.ndarray, " image"]  # of the test images
    labels: Int[np.ndarray, " image"]  # their classes
    tops: Int[np.ndarray, " top"]
    lefts: Int[np.ndarray, " left"]
    clean: Float[np.ndarray, " image"]  # probability of the true class
    probability: Float[np.ndarray, "image top left"]
    maps: Int[np.ndarray, " image"]  # the map that holds the image's largest activation
    activity: Float[np.ndarray, "image top left"]  # of that map, as a share of the whole image's

    @property
    def drops(self) -> Float[np.ndarray, "image top left"]:
        """How much of the true class's probability the square costs."""
        return self.clean[:, None, None] - self.probability

    @property
    def odds_lost(self) -> Float[np.ndarray, "image top left"]:
        """How much of the true class's log-odds it costs."""
        return measure.log_odds(self.clean)[:, None, None] - measure.log_odds(self.probability)


@dataclass(frozen=True)
class Localisation:
    """For each image of the sample whose object is known, with squares on it and clear of it."""

    images: Int[np.ndarray, " image"]
    on_object: Float[np.ndarray, " image"]  # mean drop of the true class's probability
    on_background: Float[np.ndarray, " image"]
    hit: Float[np.ndarray, " image"]  # 1 where the costliest place lies on the object
    share: Float[np.ndarray, " image"]  # of the places of the square's centre that do
    overlap: Float[np.ndarray, " image"]  # intersection over union: the costly half of the image, the object
    middle: Float[np.ndarray, " image"]  # the same of a square of equal area in the middle of the image
    odds_on_object: Float[np.ndarray, " image"]  # mean drop of the true class's log-odds
    odds_on_background: Float[np.ndarray, " image"]


@dataclass(frozen=True)
class Genuineness:
    """For each image of the sample: one projection, and what covering it does to its map."""

    images: Int[np.ndarray, " image"]
    maps: Int[np.ndarray, " image"]
    peak: Int[np.ndarray, "image 2"]  # row and column of the square over most of the projection's energy
    empty: Int[np.ndarray, "image 2"]  # and over the least
    peak_drop: Float[np.ndarray, " image"]  # of the map's activity, as a share of the whole image's
    empty_drop: Float[np.ndarray, " image"]
    correlation: Float[np.ndarray, " image"]  # over all places: rank of the energy covered with rank of the drop
    # The control: another map of the layer, whose projection has its peak elsewhere in the receptive field (docs/claims.md)
    other_maps: Int[np.ndarray, " image"]  # -1 where there is none
    other: Int[np.ndarray, "image 2"]  # the square over most of its projection's energy; -1 likewise
    other_drop: Float[np.ndarray, " image"]  # what the *first* map loses with the square there; NaN likewise
    any_drop: Float[
        np.ndarray, " image"
    ]  # the same of the first map drawn, wherever its peak lies; NaN where none is active
    drawn: Int[np.ndarray, " image"]  # other maps whose projections were looked at
    same_place: Int[np.ndarray, " image"]  # of these, such as have their peak on the own one
    # What the middle of an image does without any projection, where objects and so most of the energy usually are:
    middle_drop: Float[np.ndarray, " image"]  # with the square in the middle of the image
    corner_drop: Float[np.ndarray, " image"]  # with it in a corner, mean of the four
    middle_correlation: Float[
        np.ndarray, " image"
    ]  # over all places: rank of nearness to the middle with rank of the drop


def sweep(inputs: Inputs, images: Int[np.ndarray, " image"], size: int, stride: int) -> Sweep:
    data = inputs.data.test
    units = square.strongest_units(inputs, data, images)
    clean, probability, activity = [], [], []
    for index, unit in track(list(zip(images.tolist(), units, strict=True)), "cover the sample", len(images)):
        grid = square.slide(inputs, square.image_of(inputs, data, index), size, stride)
        clean.append(grid.clean[data.labels[index]])
        probability.append(grid.covered[..., data.labels[index]])
        total, totals = grid.clean_totals[unit.map], grid.totals[..., unit.map]
        activity.append(totals / total if total > 0 else np.ones(totals.shape))
    columns = np.array(clean), np.array(probability), np.array([unit.map for unit in units]), np.array(activity)
    return Sweep(images, data.labels[images], grid.tops, grid.lefts, *columns)


def localise(sweep: Sweep, objects: Bool[np.ndarray, "image row column"], size: int) -> Localisation | None:
    """What covering the object costs, for each image of the sample where that can be told; None if for none."""
    image, found = objects.shape[1:], []
    for index, drops, odds_lost in zip(sweep.images.tolist(), sweep.drops, sweep.odds_lost, strict=True):
        mask = objects[index]
        pointed = measure.pointing(drops, mask, size, sweep.tops, sweep.lefts)
        if pointed is None:
            continue
        costly = measure.strong_part(measure.pixel_map(drops, size, sweep.tops, sweep.lefts, image))
        middle = measure.middle_square(int(costly.sum()), image)
        overlaps = measure.overlap(costly, mask), measure.overlap(middle, mask)
        odds = measure.pointing(odds_lost, mask, size, sweep.tops, sweep.lefts)
        if odds is not None:  # so it is, for there are squares on the object and clear of it
            drops_of_odds = odds.on_object, odds.on_background
            found.append(
                (index, pointed.on_object, pointed.on_background, pointed.hit, pointed.share, *overlaps, *drops_of_odds)
            )
    return Localisation(*(np.array(column) for column in zip(*found, strict=True))) if found else None


def genuineness(inputs: Inputs, sweep: Sweep, size: int, rng: np.random.Generator) -> Genuineness | None:
    """Cover what each image's projection shows, then as much of its receptive field that it leaves empty, then what
    another map's projection shows.

    Left out are images to which no map of the layer responds, and those with no room for two squares; None if all are, and
    where no image has a projection of its own.
    """
    data, found = inputs.data.test, []
    way = inputs.way(square.watched(inputs).number)
    if way.refusal or way.alike:
        return None
    field = field_of(inputs, square.watched(inputs).number)
    units = square.strongest_units(inputs, data, sweep.images)
    steps = list(zip(sweep.images.tolist(), units, sweep.activity, strict=True))
    for index, unit, activity in track(steps, "cover what projections show", len(steps)):
        image = square.image_of(inputs, data, index)
        window = field.inside(unit.row, unit.column)
        energy = _energy(square.projection(inputs, image, unit))
        squares = measure.peak_and_empty(energy, size, window)
        if squares is None:
            continue
        other = _another_map(inputs, image, unit.map, squares[0], size, window, rng)
        places = [*squares, *(place for place in (other.place, other.anywhere) if place is not None)]
        clean, remaining = square.cover(inputs, image, places, size)
        if clean[unit.map] <= 0:  # no value above zero: there are no shares of nothing
            continue
        peak_drop, empty_drop, *rest = 1 - remaining[:, unit.map] / clean[unit.map]
        any_drop = np.nan if other.anywhere is None else rest[-1]
        other_drop = np.nan if other.place is None else rest[0]
        under = square_sums(energy, size)[np.ix_(sweep.tops, sweep.lefts)]
        correlation = measure.rank_correlation(under.ravel(), 1 - activity.ravel())
        control = other.map, other.place or (-1, -1), other_drop, any_drop, other.drawn, other.same_place
        middle = measure.middle_and_corners(1 - activity)
        found.append((index, unit.map, *squares, peak_drop, empty_drop, correlation, *control, *middle))
    return Genuineness(*(np.array(column) for column in zip(*found, strict=True))) if found else None


def _energy(projection: Float[np.ndarray, "row column 3"]) -> Float[np.ndarray, "row column"]:
    return np.square(projection.astype(np.float64)).sum(2)


@dataclass(frozen=True)
class Another:
    """Another map of the layer, drawn for one image."""

    map: int = -1
    place: tuple[int, int] | None = (
        None  # the square on its peak: in the first map's receptive field, clear of its peak
    )
    anywhere: tuple[int, int] | None = None  # the square on the peak of the first map that was drawn
    drawn: int = 0
    same_place: int = 0


def _another_map(
    inputs: Inputs,
    image: Tensor,
    own: int,
    peak: tuple[int, int],
    size: int,
    window: tuple[int, int, int, int],
    rng: np.random.Generator,
) -> Another:
    """The first of the active maps, in an order drawn at random, whose projection has its peak where it can be compared."""
    active = [unit for unit, value in square.strongest_of_each_map(inputs, image) if value > 0 and unit.map != own]
    order = [active[place] for place in rng.permutation(len(active))[:MOST]]
    found = Another()
    for start in range(0, len(order), AT_ONCE):
        some = order[start : start + AT_ONCE]
        for unit, picture in zip(some, square.projections(inputs, image, some), strict=True):
            place = measure.peak_of(_energy(picture), size)
            if place is None:  # barely above zero: alone it is not
                continue
            same = measure.overlapping(place, peak, size)
            found = replace(
                found,
                anywhere=found.anywhere or place,
                drawn=found.drawn + 1,
                same_place=found.same_place + same,
            )
            if found.place is None and not same and measure.lies_inside(place, size, window):
                found = replace(found, map=unit.map, place=place)
        if found.place is not None:
            break
    return found


def gallery(inputs: Inputs, sweep: Sweep, size: int) -> UInt8[np.ndarray, "tile row column 3"]:
    """Some images of the sample, each followed by itself, lit by what covering it costs, all on one scale."""
    shown = in_gallery(sweep)
    pictures = [inputs.pixels(inputs.data.test, index) for index in sweep.images[shown].tolist()]
    costs = [
        measure.pixel_map(drops, size, sweep.tops, sweep.lefts, picture.shape[:2]).clip(min=0)
        for drops, picture in zip(sweep.drops[shown], pictures, strict=True)
    ]
    most = max(float(cost.max()) for cost in costs)
    tiles = []
    for picture, cost in zip(pictures, costs, strict=True):
        light = DIM + (1 - DIM) * cost / most if most > measure.TIE else np.full(cost.shape, DIM)
        tiles += [picture, (picture * light[..., None]).round().astype(np.uint8)]
    return np.stack(tiles)


def in_gallery(sweep: Sweep) -> Int[np.ndarray, " shown"]:
    """Places in the sample of the gallery's images: evenly through it, which runs class by class."""
    return evenly(len(sweep.images), GALLERY)


def examples(
    inputs: Inputs,
    pictures: Inputs,
    shown: Sequence[tuple[str, int]],
    objects: Bool[np.ndarray, "image row column"] | None,
    size: int,
    stride: int,
) -> list[Example]:
    """Figure 7 of the images named by split ("test" or "val") and index; `objects` are those of the test images.

    `pictures`: the same, each image once, whatever it shows; a map's strongest activations are looked for among these.
    """
    watched = square.watched(inputs).number
    top = search(pictures, [watched], count=OTHERS + 1)[watched]
    return [
        _example(inputs, pictures, where, index, top, objects, size, stride)
        for where, index in track(shown, "cover the examples", len(shown))
    ]


def _example(
    inputs: Inputs,
    pictures: Inputs,
    where: str,
    index: int,
    top: Top,
    objects: Bool[np.ndarray, "image row column"] | None,
    size: int,
    stride: int,
) -> Example:
    data = inputs.data
    split, known = (data.test, objects) if where == "test" else (data.val, None)
    [unit] = square.strongest_units(inputs, split, np.array([index]))
    image = square.image_of(inputs, split, index)
    grid = square.slide(inputs, image, size, stride)
    true = int(split.labels[index])
    projections, sources = [square.projection(inputs, image, unit)], [data.classes[true]]
    own = -1 if where != "val" else index if split.images_of is None else int(split.images_of[index])
    for other, place in _elsewhere(top, unit.map, own):
        projections.append(square.projection(inputs, square.image_of(inputs, pictures.data.val, other), place))
        sources.append(pictures.data.val.said(other, data.classes))
    return Example(
        name=split.names[index],
        split="test" if where == "test" else "validation",
        true=true,
        guess=int(_guesses(grid.clean[None, None], split, index)[0, 0]),
        image=inputs.pixels(split, index),
        outline=np.zeros(image.shape[1:], bool) if known is None else known[index],
        tops=grid.tops,
        lefts=grid.lefts,
        map=unit.map,
        activation=grid.totals[..., unit.map],
        clean_activation=float(grid.clean_totals[unit.map]),
        probability=grid.covered[..., true],
        clean_probability=float(grid.clean[true]),
        guesses=_guesses(grid.covered, split, index),
        projections=square.drawn(projections),
        sources=tuple(sources),
        whole=grid.whole,
    )


def _guesses(covered: Float[np.ndarray, "top left class"], split: Split, index: int) -> Int[np.ndarray, "top left"]:
    """What the net takes the image for under the square at each place: see `reportgen.data.several.taken_for`."""
    scores = covered.reshape(-1, covered.shape[-1])
    shows = None if split.shows is None else np.repeat(split.shows[[index]], len(scores), axis=0)
    return taken_for(scores, np.repeat(split.labels[index], len(scores)), shows).reshape(covered.shape[:2])


def _elsewhere(top: Top, map_: int, but: int) -> list[tuple[int, Unit]]:
    """The strongest activations of a map, but for those of one image: the image and the unit of each."""
    entries = zip(*(part[map_].tolist() for part in (top.images, top.rows, top.columns, top.values)), strict=True)
    found = [(image, Unit(map_, row, column)) for image, row, column, value in entries if value > 0 and image != but]
    return found[:OTHERS]
