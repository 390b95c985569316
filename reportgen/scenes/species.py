"""The differences between the animals, as a table: proportions, ears, eyes, noses and coats.

Lengths are in units of about half the head's width; y points down, z towards the viewer. Every value is a middle around
which each animal varies (`faces.py`).
"""

from dataclasses import dataclass

from reportgen.scenes.colour import Rgb, linear


@dataclass(frozen=True)
class Fur:
    """Colours of one animal: of the body, of muzzle, cheeks and chest (lighter), and of the markings (dark)."""

    base: Rgb
    light: Rgb
    dark: Rgb


@dataclass(frozen=True)
class Species:
    head: tuple[float, float, float]  # radii
    cheeks: tuple[float, float, float]  # x, y, radius
    ears: str  # pointed, round, hanging, tufts, long, folded
    ear_size: float
    eyes: tuple[float, float, float]  # x, y, radius
    irises: tuple[str, ...]  # colours
    pupil: tuple[float, float]  # width and height as shares of the eye
    muzzle: tuple[float, float, float, float]  # y, half width, half height, depth
    nose: tuple[float, float]  # half width, half height
    noses: tuple[str, ...]
    furs: tuple[str, ...]  # base, light, dark
    strands: float = 0.16  # strength of the fur
    scale: tuple[float, float] = (0.50, 0.64)
    centre_y: float = 0.04


INNER_EARS = ("D9A39A", "C98D82", "E0B4A4")

SPECIES = {
    "dog": Species(
        head=(0.92, 0.95, 0.85),
        cheeks=(0.42, 0.34, 0.50),
        ears="hanging",
        ear_size=1.0,
        eyes=(0.36, -0.16, 0.150),
        irises=("5A3A20", "6E4A26", "3B2618"),
        pupil=(0.62, 0.62),
        muzzle=(0.40, 0.44, 0.36, 0.62),
        nose=(0.21, 0.15),
        noses=("2A2422", "3A2A24", "5A3F33"),
        furs=(
            "C8925C F4E4C8 5B3A22",
            "80543A CFA67A 3B2416",
            "E2B872 F9EBCD 8A5A2B",
            "9B9691 ECE8E2 4F4A46",
            "55504D B98A5E 2E2A28",
            "F0E8DC FFFFFF A9744A",
            "B5703F F6E9D5 6B3D20",
        ),
    ),
    "cat": Species(
        head=(1.0, 0.84, 0.80),
        cheeks=(0.50, 0.28, 0.46),
        ears="pointed",
        ear_size=1.0,
        eyes=(0.40, -0.08, 0.200),
        irises=("B9B24A", "8FA35A", "D9A441", "7FB3C2", "C98A3C"),
        pupil=(0.30, 0.78),
        muzzle=(0.32, 0.34, 0.24, 0.34),
        nose=(0.115, 0.085),
        noses=("D98F86", "B56B62", "5A3E3A"),
        furs=(
            "E29A4D F9E6CB A85E22",
            "979A9F ECECEC 55585E",
            "57534F 8A837C 2E2B2A",
            "EBD3AE FFF6E6 A97F50",
            "A5845E EBDCC0 54402C",
            "F3EEE6 FFFFFF B4A898",
        ),
    ),
    "owl": Species(
        head=(1.0, 0.92, 0.72),
        cheeks=(0.45, 0.25, 0.50),
        ears="tufts",
        ear_size=1.0,
        eyes=(0.40, -0.10, 0.245),
        irises=("E8A92E", "E07F28", "EFC94C", "5A3A20"),
        pupil=(0.60, 0.60),
        muzzle=(0.20, 0.10, 0.20, 0.24),
        nose=(0.13, 0.20),
        noses=("E2A94A", "4A4440", "C9B38A"),
        furs=(
            "8B6440 E8D3AE 4A321E",
            "A19A90 EFE9DE 5C564F",
            "F1EDE4 FFFFFF 9A9082",
            "BD8450 F2DEBA 67432A",
            "6F5A48 D8C4A6 3C2F26",
        ),
        strands=0.20,
    ),
    "panda": Species(
        head=(1.04, 0.90, 0.84),
        cheeks=(0.52, 0.30, 0.52),
        ears="round",
        ear_size=0.92,
        eyes=(0.38, -0.04, 0.125),
        irises=("3A2618", "2A1E18", "4F3524"),
        pupil=(0.66, 0.66),
        muzzle=(0.36, 0.36, 0.28, 0.42),
        nose=(0.17, 0.11),
        noses=("2A2624", "332A26"),
        furs=(
            "F4F0E8 FFFFFF 3A3634",
            "F3E9D6 FFF8EC 553A28",
            "ECE8E0 FAF7F0 46464C",
            "E6D9C0 F6EEDC 6A4A32",
            "F6F3EE FFFFFF 2F2D2E",
        ),
    ),
    "fox": Species(
        head=(0.94, 0.84, 0.78),
        cheeks=(0.58, 0.26, 0.42),
        ears="pointed",
        ear_size=1.14,
        eyes=(0.38, -0.12, 0.145),
        irises=("B8792C", "8A5A24", "C9963C"),
        pupil=(0.48, 0.74),
        muzzle=(0.42, 0.27, 0.25, 0.72),
        nose=(0.135, 0.105),
        noses=("2A2422", "332824"),
        furs=(
            "DB7636 FCF3E4 46302A",
            "C65D31 F8EAD6 4A2E24",
            "8C8B8B F0EEEA 454345",
            "EFECE6 FFFFFF 9C938A",
            "E5A04E FFF4DE 6B4426",
        ),
    ),
    "bear": Species(
        head=(1.0, 0.94, 0.88),
        cheeks=(0.46, 0.34, 0.54),
        ears="round",
        ear_size=0.86,
        eyes=(0.33, -0.12, 0.115),
        irises=("3A2618", "4A2F1C", "2A1E18"),
        pupil=(0.62, 0.62),
        muzzle=(0.38, 0.42, 0.34, 0.62),
        nose=(0.20, 0.135),
        noses=("2A2422", "3A2C26", "4A3630"),
        furs=(
            "85593A D0A676 43291A",
            "5A524C B98F68 332E2B",
            "C4935A EED2A2 6B4728",
            "F0EADE FFFFFF 8A8076",
            "8C8278 CFC5B6 4D463F",
            "A86F42 E3BF90 5A371F",
        ),
    ),
    "rabbit": Species(
        head=(0.86, 0.88, 0.80),
        cheeks=(0.42, 0.34, 0.48),
        ears="long",
        ear_size=1.0,
        eyes=(0.46, -0.12, 0.165),
        irises=("4A2F1C", "2F2018", "6A4A3A"),
        pupil=(0.64, 0.64),
        muzzle=(0.34, 0.30, 0.24, 0.36),
        nose=(0.10, 0.075),
        noses=("D98F86", "C27A70", "7A5248"),
        furs=(
            "F3EEE6 FFFFFF B4A898",
            "B79470 F0E2CC 6E5238",
            "9A9894 EAE8E4 56544F",
            "7A5C44 D8C0A0 453226",
            "E2C79C FBF1DC A07C50",
        ),
        scale=(0.42, 0.54),
        centre_y=0.18,
    ),
    "pig": Species(
        head=(0.98, 0.90, 0.84),
        cheeks=(0.50, 0.34, 0.52),
        ears="folded",
        ear_size=1.0,
        eyes=(0.40, -0.14, 0.105),
        irises=("3A2A22", "4A3A34", "6A8AA0"),
        pupil=(0.64, 0.64),
        muzzle=(0.26, 0.34, 0.28, 0.52),
        nose=(0.33, 0.25),
        noses=("E0948C", "C9806E", "8A6258"),
        furs=(
            "EDB5A6 F8D5C8 C07A6C",
            "E3A594 F3C8B8 B06A5A",
            "C99A7C E8C9AE 7C5340",
            "7A6A62 AA948A 4A3F3A",
            "F2CFC0 FBE6DA C48A7C",
        ),
        strands=0.05,
    ),
    "mouse": Species(
        head=(0.84, 0.84, 0.84),
        cheeks=(0.36, 0.30, 0.44),
        ears="round",
        ear_size=1.75,
        eyes=(0.36, -0.12, 0.145),
        irises=("2A1E18", "3A2618", "5A2A24"),
        pupil=(0.66, 0.66),
        muzzle=(0.36, 0.25, 0.22, 0.66),
        nose=(0.105, 0.085),
        noses=("E09A90", "CF8478", "6A4A44"),
        furs=(
            "9C9890 E6E2DA 5C5852",
            "AA8A66 EBD9BC 6A5038",
            "F1ECE4 FFFFFF B8ADA0",
            "6F655C B5A99C 433C36",
            "CFA878 F5E6C8 8A6844",
        ),
        scale=(0.45, 0.57),
        centre_y=0.08,
    ),
}


def fur(text: str) -> Fur:
    """The colours named in `Species.furs`."""
    return Fur(*(linear(name) for name in text.split()))
