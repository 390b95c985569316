"""Spectra against closed forms: sines, noise, impulses, Parseval."""

from itertools import pairwise

import numpy as np
import pytest

from reportgen.analyses.architecture import spectra

GRID = 64


def sine(frequency: float, side: int = GRID, along: int = 1) -> np.ndarray:
    """Stripes of so many cycles per pixel, along rows or columns, in three colours of different strength."""
    wave = np.sin(2 * np.pi * frequency * np.arange(side) + 0.3)
    picture = np.broadcast_to(wave[None, :] if along == 1 else wave[:, None], (side, side))
    return np.stack([picture, 2 * picture, -picture], axis=2)


@pytest.mark.parametrize("frequency", [1 / 16, 3 / 32, 1 / 8, 1 / 4])
@pytest.mark.parametrize("along", [0, 1])
def test_a_sine_has_all_its_energy_in_its_band(frequency: float, along: int) -> None:
    found = spectra.energy(sine(frequency, along=along), GRID)
    exact = spectra.band(GRID, frequency - 1e-9, frequency + 1e-9)
    assert spectra.share(found, exact) == pytest.approx(1, abs=1e-12)
    assert spectra.share(found, spectra.band(GRID, 1 / 16, 1 / 4)) == pytest.approx(1, abs=1e-12)
    assert spectra.share(found, spectra.band(GRID, frequency + 1 / GRID, 1)) == pytest.approx(0, abs=1e-12)


def test_a_diagonal_sine_lies_where_its_two_frequencies_meet() -> None:
    row, column = np.indices((GRID, GRID))
    picture = np.cos(2 * np.pi * (3 / GRID * row + 4 / GRID * column))[..., None]
    assert spectra.share(spectra.energy(picture, GRID), spectra.band(GRID, 5 / GRID - 1e-9, 5 / GRID + 1e-9)) == (
        pytest.approx(1, abs=1e-12)
    )


def test_an_impulse_has_the_bands_area() -> None:
    impulse = np.zeros((7, 7, 3))
    impulse[2, 5, 1] = 3.0
    where = spectra.band(GRID, 1 / 16, 1 / 4)
    found = spectra.share(spectra.energy(impulse, GRID), where)
    assert found == pytest.approx(where.mean(), abs=1e-12)
    assert found == pytest.approx(np.pi * (1 / 4**2 - 1 / 16**2), abs=0.01)


def test_white_noise_has_the_bands_area() -> None:
    rng = np.random.default_rng(0)
    where = spectra.narrow_bands(GRID, (1 / 4, 1 / 2), 1 / 32)
    shares = [spectra.share(spectra.energy(rng.normal(size=(GRID, GRID, 3)), GRID), where) for _ in range(200)]
    assert np.mean(shares) == pytest.approx(where.mean(), rel=0.01)


def test_energy_is_the_pictures_sum_of_squares_whatever_the_grid() -> None:
    picture = np.random.default_rng(1).normal(size=(11, 7, 3))
    for grid in (16, 64, 128):
        assert spectra.energy(picture, grid).sum() == pytest.approx(np.square(picture).sum())


def test_a_window_takes_away_brightness_and_the_cut() -> None:
    bright = np.full((27, 51, 3), 200.0)
    rounding = np.random.default_rng(0).normal(0, 1e-5, bright.shape)
    assert (spectra.windowed(bright + rounding) == 0).all()
    assert (spectra.windowed(bright + 1000 * rounding) != 0).any()
    ramp = np.arange(40.0)[None, :, None] * np.ones((40, 1, 1))  # its copies side by side would have a step
    high = spectra.band(GRID, 1 / 4, 1)
    whole, cut = (spectra.share(spectra.energy(picture, GRID), high) for picture in (ramp, spectra.windowed(ramp)))
    assert cut < whole / 100
    assert spectra.energy(spectra.windowed(ramp), GRID)[0, 0] == pytest.approx(0, abs=1e-9)


def test_a_window_of_one_pixel_is_nothing() -> None:
    assert spectra.windowed(np.ones((1, 1, 3))).tolist() == [[[0.0, 0.0, 0.0]]]


def test_a_grid_of_period_four_lies_in_the_narrow_bands() -> None:
    grating = np.zeros((GRID, GRID, 1))
    grating[:, ::4] = 1
    found = spectra.energy(spectra.windowed(grating), GRID)
    assert spectra.share(found, spectra.narrow_bands(GRID, (1 / 4, 1 / 2), 1 / 32)) > 0.99
    slow = np.zeros((GRID, GRID, 1))
    slow[:, ::8] = 1  # also has 1/8 and 3/8, which lie outside
    found = spectra.energy(spectra.windowed(slow), GRID)
    assert spectra.share(found, spectra.narrow_bands(GRID, (1 / 4, 1 / 2), 1 / 32)) < 0.6


def test_the_profile_adds_up_and_a_blank_picture_has_none() -> None:
    picture = np.random.default_rng(2).normal(size=(20, 20, 3))
    edges = np.linspace(0, 0.75, 16)
    rings = spectra.profile(spectra.energy(picture, GRID), edges)
    assert rings.sum() == pytest.approx(1)
    assert (spectra.profile(spectra.energy(sine(1 / 8), GRID), edges) > 0.5).tolist() == [
        low <= 1 / 8 < high for low, high in pairwise(edges)
    ]
    blank = spectra.energy(np.zeros((5, 5, 3)), GRID)
    assert np.isnan(spectra.share(blank, spectra.band(GRID, 0, 1)))
    assert np.isnan(spectra.profile(blank, edges)).all()


@pytest.mark.parametrize(("side", "grid"), [(1, 64), (51, 64), (64, 64), (65, 128), (88, 128), (224, 256)])
def test_the_grid_holds_the_picture(side: int, grid: int) -> None:
    assert spectra.grid_for(side) == grid


def noise(factor: np.ndarray, times: int = 60) -> np.ndarray:
    """Mean peaks of pictures of noise whose spectrum is multiplied by a factor, with a lattice of 4 px."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(times):
        white = np.fft.fft2(rng.normal(size=(GRID, GRID, 3)), axes=(0, 1))
        picture = np.fft.ifft2(white * np.sqrt(factor)[..., None], axes=(0, 1)).real
        found.append(spectra.lattice_peaks(spectra.energy(spectra.windowed(picture), GRID), 4))
    return np.mean(found, axis=0)


ROW, COLUMN = np.meshgrid(np.fft.fftfreq(GRID), np.fft.fftfreq(GRID), indexing="ij")


def test_nothing_stands_out_of_noise_whether_white_or_pink() -> None:
    for factor in (np.ones((GRID, GRID)), 1 / (0.01 + ROW**2 + COLUMN**2)):
        np.testing.assert_allclose(noise(factor), 0, atol=0.3)


@pytest.mark.parametrize("radius", [1 / 4, np.sqrt(2) / 4])
def test_a_ring_stands_out_of_its_lines_but_not_of_itself(radius: float) -> None:
    place = int(radius > 0.3)
    found = noise(1 + 30 * (np.abs(np.hypot(ROW, COLUMN) - radius) < 1 / 32))[place]
    assert found[0] > 2
    assert abs(found[1]) < 0.3


def test_stripes_of_every_width_stand_out_of_their_rings_but_not_of_their_line() -> None:
    found = noise(1 + 30 * ((np.abs(ROW) < 1 / 32) | (np.abs(COLUMN) < 1 / 32)))[0]
    assert abs(found[0]) < 0.3
    assert found[1] > 2


def test_a_grid_of_dots_stands_out_of_both_and_one_of_another_period_of_neither() -> None:
    def dots(period: int) -> np.ndarray:
        picture = np.random.default_rng(0).normal(0, 0.3, (51, 51, 3))
        picture[::period, ::period] += 1
        return spectra.lattice_peaks(spectra.energy(spectra.windowed(picture), GRID), 4)

    assert (dots(4) > 2).all()
    assert (dots(51) < 1).all()
    assert (dots(5)[0] < 0).all()


def test_a_spectrum_without_energy_has_no_peaks() -> None:
    assert np.isnan(spectra.lattice_peaks(np.zeros((GRID, GRID)), 4)).all()
