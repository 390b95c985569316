"""How a picture's energy is spread over spatial frequencies (for Zeiler & Fergus 2013, section 4.1, figure 6).

Frequencies are in cycles per pixel, from 0 to 1/sqrt(2) in the corners of the spectrum; along a row or a column 1/2 is
the highest. Energy is a squared magnitude, summed over colours.
"""

import numpy as np
from jaxtyping import Bool, Float

FLAT = 1e-6  # of a picture's largest value: what varies less is rounding, in single precision
GRID = 64  # points: pictures are padded with zeros to at least this, so that their spectra can be compared
BESIDE = 5 / 64  # cycles per pixel from a point of a lattice to its neighbours
SHARP = (
    26  # pixels: of a smaller picture, under the window, such a point would reach its neighbours (2/26 cycle per pixel)
)


def grid_for(side: int) -> int:
    """The side of the grid for pictures of up to `side` pixels: 64, or the next power of two."""
    return max(GRID, 1 << max(side - 1, 0).bit_length())


def energy(picture: Float[np.ndarray, "row column channel"], grid: int) -> Float[np.ndarray, "grid grid"]:
    """Spectral energy of a picture padded with zeros to `grid` x `grid`; divided by the grid's points, it sums to the
    picture's own sum of squares (Parseval)."""
    spectrum = np.fft.fft2(picture, s=(grid, grid), axes=(0, 1))
    return np.square(np.abs(spectrum)).sum(axis=2) / grid**2


def windowed(picture: Float[np.ndarray, "row column channel"]) -> Float[np.ndarray, "row column channel"]:
    """A picture without its mean under a Hann window: neither brightness nor the cut at its edges counts.

    The mean is weighted by the window, so that nothing is left at frequency zero. A picture that is flat to within
    rounding comes out as zeros: the rounding is not its spectrum.
    """
    rows, columns = (np.hanning(side + 2)[1:-1] for side in picture.shape[:2])  # without the zeros at the ends
    window = np.outer(rows, columns)[..., None]
    varying = picture - (window * picture).sum(axis=(0, 1)) / window.sum()
    flat = np.abs(varying).max(initial=0.0) <= FLAT * np.abs(picture).max(initial=0.0)
    return np.zeros_like(picture) if flat else window * varying


def frequencies(grid: int) -> Float[np.ndarray, "grid grid"]:
    """Distance of every point of the spectrum from frequency zero, cycles per pixel."""
    along = np.fft.fftfreq(grid)
    return np.hypot(along[:, None], along[None, :])


def band(grid: int, low: float, high: float) -> Bool[np.ndarray, "grid grid"]:
    """The points of the spectrum from `low` to `high` cycles per pixel, both included."""
    found = frequencies(grid)
    return (found >= low) & (found <= high)


def narrow_bands(grid: int, centres: tuple[float, ...], half_width: float) -> Bool[np.ndarray, "grid grid"]:
    """The points of the spectrum within `half_width` of any of the `centres`."""
    chosen = [band(grid, centre - half_width, centre + half_width) for centre in centres]
    return np.logical_or.reduce(chosen)


def share(spectrum: Float[np.ndarray, "grid grid"], where: Bool[np.ndarray, "grid grid"]) -> float:
    """Share of the energy that lies in a part of the spectrum; NaN where there is no energy at all."""
    total = spectrum.sum()
    return float(spectrum[where].sum() / total) if total > 0 else float("nan")


def profile(
    spectrum: Float[np.ndarray, "grid grid"], edges: Float[np.ndarray, " edge"]
) -> Float[np.ndarray, " edge-1"]:
    """Share of the energy in each ring between two edges (the lower one included); NaN without any energy."""
    rings = np.digitize(frequencies(len(spectrum)), edges) - 1
    inside = (rings >= 0) & (rings < len(edges) - 1)
    sums = np.bincount(rings[inside], weights=spectrum[inside], minlength=len(edges) - 1)
    total = spectrum.sum()
    return sums / total if total > 0 else np.full(len(edges) - 1, np.nan)


def lattice_peaks(spectrum: Float[np.ndarray, "grid grid"], period: int) -> Float[np.ndarray, "2 2"]:
    """How far the points of a lattice of `period` pixels stand out of a spectrum: natural logarithms, 0 for not at all.

    Rows: the points at 1/period cycle per pixel on the axes, and those with as much along both. Columns: against the two
    neighbours of each on its line from frequency zero, and against the two on its ring. A ring stands out only against the
    first, a line only against the second, a lattice against both. Each is a mean over the points of the mean
    logarithm of energies, of 3 x 3 bins each; NaN where one has none.
    """
    grid = len(spectrum)
    once, away = grid / period, BESIDE * grid
    blocks = sum(np.roll(spectrum, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1))
    logarithm = np.log(blocks, out=np.full(spectrum.shape, np.nan), where=blocks > 0)

    def at(radius: float, angle: float) -> float:
        return float(logarithm[round(radius * np.sin(angle)) % grid, round(radius * np.cos(angle)) % grid])

    found = np.zeros((2, 2))
    for place, (radius, angles) in enumerate(((once, (0, np.pi / 2)), (np.sqrt(2) * once, (np.pi / 4, 3 * np.pi / 4)))):
        for angle in angles:
            line = (at(radius - away, angle) + at(radius + away, angle)) / 2
            ring = (at(radius, angle - away / radius) + at(radius, angle + away / radius)) / 2
            found[place] += (at(radius, angle) - np.array([line, ring])) / len(angles)
    return found
