"""The images that a chart's x moves, as a first column of pictures: the paper's figure 5 begins its rows so."""

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from PIL import Image

from reportgen.figures import kinds
from reportgen.figures.draw.tiles import enlarge

COLUMNS = 3  # values of x at which the images are shown
SIDE, GAP = 40, 3  # pixels: of one image, and between them
COLOUR = 6  # pixels: width of the mark that has the colour of an image's curve


def draw(axes: Axes, moved: kinds.Moved, way: str, values: Float[np.ndarray, " point"], colours: list[str]) -> None:
    """Show each image at the beginning, the middle and the end of the values of x; of turns, thirds of the whole turn.

    `colours`: of the curves, one for each image.
    """
    chosen = values[np.linspace(0, (len(values) - 1) * (2 / 3 if way == "turn" else 1), COLUMNS).round().astype(int)]
    step = SIDE + GAP
    whole = np.zeros((len(moved.scenes) * step - GAP, COLUMNS * step - GAP, 4), np.uint8)
    for row, scene in enumerate(moved.scenes):
        for column, value in enumerate(chosen):
            tile = enlarge(seen(scene, moved.window, way, float(value)), SIDE)
            whole[row * step : row * step + SIDE, column * step : column * step + SIDE, :3] = tile
            whole[row * step : row * step + SIDE, column * step : column * step + SIDE, 3] = 255
    axes.imshow(whole, interpolation="none")  # else it is reduced to the points of the page
    for row, colour in enumerate(colours):
        axes.plot([-COLOUR, -COLOUR], [row * step, row * step + SIDE], color=colour, linewidth=2, clip_on=False)
    axes.set_xlim(-2 * COLOUR, whole.shape[1])
    axes.set_xticks(
        [column * step + SIDE / 2 for column in range(COLUMNS)], [f"{value:g}".replace("-", "−") for value in chosen]
    )
    axes.set_yticks([])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def seen(
    scene: UInt8[np.ndarray, "side side 3"], window: int, way: str, value: float
) -> UInt8[np.ndarray, "window window 3"]:
    """The part of a scene in view once it is moved: pixels down, a ratio, or degrees anticlockwise."""
    picture, side = Image.fromarray(scene), scene.shape[0]
    corner = (side - window) // 2
    middle = corner + window / 2
    if way == "turn":
        picture = picture.rotate(value, Image.Resampling.BICUBIC, center=(middle, middle))
    else:
        scale = value if way == "scale" else 1.0
        down = value if way == "shift" else 0.0
        back = (1 / scale, 0.0, middle - middle / scale, 0.0, 1 / scale, middle - (middle + down) / scale)
        picture = picture.transform((side, side), Image.Transform.AFFINE, back, Image.Resampling.BICUBIC)
    return np.asarray(picture.crop((corner, corner, corner + window, corner + window)))
