"""Soft solids pressed into a height field, the way a relief is modelled in clay.

Every solid is seen along the z axis (no perspective), so its surface is a height z(x, y) that a formula gives. A smooth
maximum unites the solids and leaves the soft creases of modelled clay; all solids are shaded at once (`shading.py`).
Coordinates: x to the right, y down, z towards the viewer; the normal picture is [-1, 1] in x and y.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from reportgen.scenes import noise
from reportgen.scenes.colour import Rgb
from reportgen.scenes.space import Coat, Number, Pose, Vector, View, clipped, spin

SUPERSAMPLING = 2
FLOOR = np.float32(-50.0)  # height of empty places
_UNIT = np.linspace(-12 / 255, 267 / 255, 280)  # 256 places, and 12 at both ends that the smoother removes
_FINE_UNIT = np.linspace(0, 1, 1024)
_SMOOTHER = np.hanning(25) / np.hanning(25).sum()
_SHIFT = 4  # fractional bits of the corners given to OpenCV


def _determinant(frame: Float[ndarray, "3 2"]) -> float:
    """The area in the picture of a plane's unit square."""
    (a, b), (c, d) = frame[:2].tolist()
    return a * d - b * c


Box = tuple[slice, slice]


@dataclass
class Relief:
    """A patch of the canvas, `SUPERSAMPLING` times finer, into which solids are pressed; `blank` makes one."""

    view: View
    pose: Pose
    origin: tuple[int, int]  # row and column of the patch on the canvas
    x: Float[ndarray, "1 column"]  # scene coordinates of the fine pixels
    y: Float[ndarray, "row 1"]
    mottle: Float[ndarray, "row column"]  # slow noise: wobbly outlines, patches
    fur: Float[ndarray, "row column"]  # strands or grains
    height: Float[ndarray, "row column"]
    cover: Float[ndarray, "row column"]
    paint: Float[ndarray, "6 row column"]  # the channels of `Coat.values`
    glints: list[tuple[Number, Number, Number, Number, Number]] = field(default_factory=list)

    @property
    def dot(self) -> float:
        """Fine pixels per scene unit."""
        return self.view.unit * SUPERSAMPLING

    @property
    def left(self) -> float:
        """Scene coordinate of the patch's left edge."""
        return (self.origin[1] - self.view.side / 2) / self.view.unit

    @property
    def top(self) -> float:
        """Scene coordinate of the patch's upper edge."""
        return (self.origin[0] - self.view.side / 2) / self.view.unit

    def ellipsoid(
        self,
        centre: Vector,
        radii: Vector,
        coat: Coat,
        *,
        blend: float = 0.02,
        turn: float = 0.0,
        ragged: float = 0.0,
        wobble: float = 0.0,
    ) -> None:
        """An ellipsoid turned by `turn` in the object's frontal plane.

        `ragged` and `wobble` fray its outline by strands and by slow bumps, both as a share of the radius squared.
        """
        axes = self.pose.matrix @ spin(turn) * radii
        (xx, xy, xz), (_, yy, yz), (_, _, zz) = (axes @ axes.T).tolist()
        area = xx * yy - xy * xy
        lean_x, lean_y = (yy * xz - xy * yz) / area, (xx * yz - xy * xz) / area
        depth = max(zz - xz * lean_x - yz * lean_y, 1e-9) ** 0.5
        cx, cy, cz = self.pose.spot(*centre)
        margin = 1 + ragged * 2 + wobble * 2
        box = self._box(cx, cy, margin * xx**0.5, margin * yy**0.5)
        if box is None:
            return
        x, y = self.x[:, box[1]] - cx, self.y[box[0]] - cy
        q = (yy / area) * (x * x) + (xx / area) * (y * y) - (2 * xy / area * x) * y
        if ragged:
            q += ragged * self.fur[box]
        if wobble:
            q += wobble * self.mottle[box]
        z = depth * np.sqrt(np.maximum(1 - q, 0)) + (cz + lean_x * x) + lean_y * y
        edge = (1 - np.sqrt(np.maximum(q, 0))) * (area**0.25 * self.dot)
        self.lay(box, z, edge, coat, blend)

    def revolve(
        self,
        centre: Vector,
        radii: tuple[Number, ...],
        rises: tuple[Number, ...],
        coat: Coat,
        *,
        blend: float = 0.006,
    ) -> None:
        """A body of revolution seen along its axis, the object's z: `rises` above the centre's plane at `radii`.

        Between the first and the last radius, straight lines join the given heights.
        """
        frame = self.pose.matrix[:, :2]
        cx, cy, cz = self.pose.spot(*centre)
        reach = radii[-1] * np.linalg.norm(frame[:2], axis=1) * 1.02
        box = self._box(cx, cy, float(reach[0]), float(reach[1]))
        if box is None:
            return
        u, v = self._plane(box, cx, cy, frame)
        rho = np.sqrt(u * u + v * v)
        table = np.interp(radii[-1] * 1.1 * _FINE_UNIT, radii, rises).astype(np.float32)
        rise = table[np.minimum(rho * np.float32(1023 / (radii[-1] * 1.1)), 1023).astype(np.int32)]
        z = cz + float(frame[2, 0]) * u + float(frame[2, 1]) * v + rise * float(self.pose.matrix[2, 2])
        grain = self.pose.scale * self.dot
        edge = (radii[-1] - rho) * grain
        if radii[0] > 0:
            edge = np.minimum(edge, (rho - radii[0]) * grain)
        self.lay(box, z, edge, coat, blend)

    def lathe(
        self,
        centre: Vector,
        turn: float,
        along: tuple[Number, ...],
        radii: tuple[Number, ...],
        coat: Coat,
        *,
        depth: float = 1.0,
        blend: float = 0.01,
        ragged: float = 0.0,
        solid: bool = False,
    ) -> None:
        """A body turned about an axis in the frontal plane, which points down when `turn` is 0.

        Its radius is `radii` at the places `along` the axis, with smooth curves between; `depth` flattens it. A `solid`
        one has a round section, and its ends and bands curve as they do when seen from above or below; the others are
        drawn as if seen square to the axis, which is quicker and enough for what is flat or thin.
        """
        frame = self.pose.matrix @ spin(turn)
        if solid:
            frame = self._facing(frame[:, 1])
        cx, cy, cz = self.pose.spot(*centre)
        places = along[0] + (along[-1] - along[0]) * _UNIT
        profile = np.convolve(np.maximum(np.interp(places, along, radii), 1e-4), _SMOOTHER, mode="valid")
        profile, widest = profile.astype(np.float32), float(profile.max())
        lean = float(frame[:2, 1] @ frame[:2, 2] / (frame[:2, 1] @ frame[:2, 1])) if solid else 0.0
        last = along[-1] + lean * widest
        ends = np.array([[-widest, along[0]], [widest, along[0]], [-widest, last], [widest, last]])
        box = self._around(ends @ frame[:2, :2].T + [cx, cy])
        if box is None:
            return
        u, v = self._plane(box, cx, cy, frame[:, :2])
        scale = np.float32(255 / (along[-1] - along[0]))
        radius = profile[clipped((v - along[0]) * scale, 0, 255).astype(np.int32)]
        if lean:
            seen = v
            for _ in range(
                3
            ):  # parts that bulge towards the viewer appear shifted along the axis: find their real place
                v = seen - lean * np.sqrt(np.maximum(radius * radius - u * u, 0))
                radius = profile[clipped((v - along[0]) * scale, 0, 255).astype(np.int32)]
        off = np.abs(u) / radius
        if ragged:
            off += ragged * self.fur[box]
        bulge = np.sqrt(np.maximum(1 - off * off, 0)) * radius * (depth * float(frame[2, 2]))
        z = cz + float(frame[2, 0]) * u + float(frame[2, 1]) * v + bulge
        grain = self.pose.scale * self.dot
        edge = np.minimum((1 - off) * radius, np.minimum(v - along[0], along[-1] - v)) * grain
        self.lay(box, z, edge, coat, blend)

    def _facing(self, axis: ndarray) -> Float[ndarray, "3 3"]:
        """Sideways, `axis` and, square to both, towards the viewer: a round body may be turned about its axis."""
        sideways = np.array([axis[1], -axis[0], 0]) * (self.pose.scale / np.hypot(axis[0], axis[1]))
        return np.column_stack([sideways, axis, np.cross(sideways, axis) / self.pose.scale])

    def plate(
        self,
        outlines: list[ndarray],
        coat: Coat,
        *,
        thick: float = 0.05,
        bevel: float = 0.05,
        blend: float = 0.006,
        origin: Vector = (0, 0, 0),
        across: Vector = (1, 0, 0),
        down: Vector = (0, 1, 0),
    ) -> None:
        """A flat plate with a rounded edge: polygons (corner, 2) in the plane at `origin` along `across` and `down`.

        Overlaps of polygons are holes. The plate rises by `thick` over the width `bevel`, as a quarter circle.
        """
        frame = self.pose.matrix @ np.array([across, down]).T
        if abs(_determinant(frame)) < 0.02 * self.pose.scale**2:
            return  # seen edge on
        cx, cy, cz = self.pose.spot(*origin)
        drawn = [outline @ frame[:2].T + [cx, cy] for outline in outlines]
        box = self._around(np.concatenate(drawn))
        if box is None:
            return
        mask = self._filled(box, drawn)
        facing = _determinant(frame) / self.pose.scale**2
        u, v = self._plane(box, cx, cy, frame)
        z = cz + float(frame[2, 0]) * u + float(frame[2, 1]) * v
        inside = cv2.distanceTransform((mask > 127).view(np.uint8), cv2.DIST_L2, 3)
        reach = max(bevel * self.pose.scale * self.dot, 1.0)
        slope = 1 - np.minimum(cv2.blur(inside, (3, 3)) / reach, 1)
        z += np.sqrt(1 - slope * slope) * (thick * self.pose.scale * abs(facing))
        edge = mask * np.float32(1 / 255) - 0.5
        edge[mask == 0] = -9
        self.lay(box, z, edge, coat, blend)

    def stain(
        self,
        centre: Vector,
        radii: Vector,
        colour: Rgb,
        *,
        soft: float = 0.1,
        turn: float = 0.0,
        wobble: float = 0.0,
    ) -> None:
        """Dye the part of the surface inside an ellipsoid, whose edge is `soft` wide as a share of the radius."""
        axes = self.pose.matrix @ spin(turn) * radii
        extent = np.linalg.norm(axes, axis=1) * (1 + soft + wobble)
        cx, cy, cz = self.pose.spot(*centre)
        box = self._box(cx, cy, float(extent[0]), float(extent[1]))
        if box is None:
            return
        back = (spin(-turn) @ self.pose.matrix.T) / (np.array(radii)[:, None] * self.pose.scale**2)  # the inverse
        x, y, z = self.x[:, box[1]] - cx, self.y[box[0]] - cy, self.height[box] - cz
        q = np.zeros_like(z)
        for a, b, c in back.tolist():
            along = c * z + a * x
            along += b * y
            along *= along
            q += along
        if wobble:
            q += wobble * self.mottle[box]
        weight = clipped(np.sqrt(np.maximum(q, 0)) * (-1 / soft) + (1 / soft + 0.5), 0, 1)
        self._tint(box, weight, tuple(colour.tolist()))

    def patch(
        self,
        outlines: list[ndarray],
        coat: Coat,
        *,
        origin: Vector = (0, 0, 0),
        across: Vector = (1, 0, 0),
        down: Vector = (0, 1, 0),
        soft: float = 0.0,
    ) -> None:
        """Paint polygons (corner, 2) of the plane at `origin` onto the visible surface there; overlaps stay unpainted."""
        frame = self.pose.matrix @ np.array([across, down]).T
        cx, cy, _ = self.pose.spot(*origin)
        drawn = [outline @ frame[:2].T + [cx, cy] for outline in outlines]
        box = self._around(np.concatenate(drawn), soft)
        if box is None:
            return
        mask = self._filled(box, drawn)
        if soft:
            mask = cv2.GaussianBlur(mask, (0, 0), max(soft * self.dot / 2, 0.4))
        self._tint(box, mask * np.float32(1 / 255) * self.cover[box], coat.values())

    def stroke(self, points: ndarray, width: float, coat: Coat, *, strength: float = 1.0, groove: float = 0.0) -> None:
        """Paint a line through object points (n, 3), `width` object units wide, and press a groove of that depth."""
        drawn = self.pose.place(points)[:, :2]
        box = self._around(drawn, width * self.pose.scale)
        if box is None:
            return
        mask = np.zeros(self.height[box].shape, dtype=np.uint8)
        thickness = width * self.pose.scale * self.dot
        whole = max(round(thickness), 1)
        cv2.polylines(mask, [self._corners(box, drawn)], False, 255, whole, cv2.LINE_AA, _SHIFT)
        weight = mask * np.float32(strength * min(thickness / whole, 1) / 255)
        weight *= self.cover[box]
        self._tint(box, weight, coat.values())
        if groove:
            self.height[box] -= (groove * self.pose.scale) * weight

    def glint(self, point: Vector, orbit: float, radius: float, strength: float) -> None:
        """A highlight of `radius` object units, `orbit` units from a point towards the lamp, added after shading."""
        x, y, _ = self.pose.spot(*point)
        self.glints.append((x, y, orbit * self.pose.scale, radius * self.pose.scale, strength))

    def lay(self, box: Box, z: ndarray, edge: ndarray, coat: Coat, blend: float) -> None:
        """Unite the surface `z`, which ends where `edge` (fine pixels, positive inside) is 0, with the relief in `box`."""
        height = self.height[box]
        blend = blend * self.pose.scale
        above = z - height
        within = clipped(edge + 0.5, 0, 1)
        weight = clipped(above * (0.5 / blend) + 0.5, 0, 1)
        weight *= within
        np.copyto(weight, edge > -1, where=height == FLOOR)
        self._tint(box, weight, coat.values())
        cover = self.cover[box]
        np.maximum(cover, within, out=cover)
        above += blend * (1 - weight)
        above *= weight
        height += above

    def _tint(self, box: Box, weight: ndarray, values: tuple[Number, ...]) -> None:
        """Mix `values` into the first channels of the paint."""
        paint = self.paint[: len(values), box[0], box[1]]
        change = np.empty_like(weight)
        for channel, value in zip(paint, values, strict=True):
            np.subtract(value, channel, out=change)
            change *= weight
            channel += change

    def _box(self, x: float, y: float, half_width: float, half_height: float) -> Box | None:
        """The fine pixels within the given distances of a scene point, and one more; None if there are none."""
        rows, columns = self.height.shape
        left = max(int((x - half_width - self.left) * self.dot) - 1, 0)
        right = min(int((x + half_width - self.left) * self.dot) + 3, columns)
        top = max(int((y - half_height - self.top) * self.dot) - 1, 0)
        bottom = min(int((y + half_height - self.top) * self.dot) + 3, rows)
        return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None

    def _around(self, points: ndarray, margin: float = 0.0) -> Box | None:
        """The fine pixels around scene points (n, 2)."""
        low, high = points.min(0), points.max(0)
        (x, y), (width, height) = ((low + high) / 2).tolist(), ((high - low) / 2 + margin).tolist()
        return self._box(x, y, width, height)

    def _plane(self, box: Box, cx: float, cy: float, frame: ndarray) -> tuple[ndarray, ndarray]:
        """Coordinates of the fine pixels along the two columns of `frame`, measured in the plane they span."""
        (a, b), (c, d) = frame[:2].tolist()
        area = a * d - b * c
        x, y = self.x[:, box[1]] - cx, self.y[box[0]] - cy
        return (d / area) * x - (b / area) * y, (a / area) * y - (c / area) * x

    def _corners(self, box: Box, points: ndarray) -> ndarray:
        """Scene points as OpenCV's fixed-point pixels of the box."""
        fine = (points - [self.left, self.top]) * self.dot - 0.5 - [box[1].start, box[0].start]
        return np.round(fine * 2**_SHIFT).astype(np.int32)

    def _filled(self, box: Box, polygons: list[ndarray]) -> ndarray:
        mask = np.zeros(self.height[box].shape, dtype=np.uint8)
        cv2.fillPoly(mask, [self._corners(box, polygon) for polygon in polygons], 255, cv2.LINE_AA, _SHIFT)
        return mask


def blank(
    view: View,
    pose: Pose,
    reach: tuple[Number, Number, Number, Number],
    rng: np.random.Generator,
    *,
    comb: Vector | None = None,
    leafy: bool = False,
) -> Relief:
    """An empty relief for an object.

    `reach`: how far left, up, right and down of the pose's centre anything can be drawn, in units of the object. Fur
    leads away from the point `comb`; `leafy` things have grains instead.
    """
    scale, (cx, cy), middle = pose.scale, pose.centre, view.side / 2
    edges = middle + view.unit * (np.array([cx, cy, cx, cy]) + scale * np.array(reach))
    left, top = np.clip(np.floor(edges[:2]), 0, view.side - 2).astype(int).tolist()
    right, bottom = np.clip(np.ceil(edges[2:]), 2, view.side).astype(int).tolist()
    width, height = max(right - left, 2) * SUPERSAMPLING, max(bottom - top, 2) * SUPERSAMPLING
    dot = view.unit * SUPERSAMPLING
    x = (np.arange(width, dtype=np.float32)[None, :] + 0.5) / dot + (left - middle) / view.unit
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / dot + (top - middle) / view.unit
    step = 0.6 * noise.BANK / (2 * dot * scale)  # bank pixels per fine pixel: patches keep to the object
    anchor = ((cy - (top - middle) / view.unit) * dot, (cx - (left - middle) / view.unit) * dot)
    mottle = fur = noise.crop(noise.mottle(), (height, width), anchor, step, rng)
    if leafy:
        fur = noise.crop(noise.clouds()[0], (height, width), anchor, 2.5 * step, rng)
    if comb is not None:
        fur = _strands(x, y, pose, pose.spot(*comb), dot, mottle, rng)
    return Relief(
        view=view,
        pose=pose,
        origin=(top, left),
        x=x,
        y=y,
        mottle=mottle,
        fur=fur,
        height=np.full((height, width), FLOOR, dtype=np.float32),
        cover=np.zeros((height, width), dtype=np.float32),
        paint=np.zeros((6, height, width), dtype=np.float32),
    )


def _strands(
    x: ndarray, y: ndarray, pose: Pose, comb: Vector, dot: float, mottle: ndarray, rng: np.random.Generator
) -> Float[ndarray, "row column"]:
    """Noise drawn out along slightly varied lines from the scene point `comb`, finer in larger pictures."""
    across, down = np.repeat(x - comb[0], len(y), axis=0), np.repeat(y - comb[1], x.shape[1], axis=1)
    radius, angle = cv2.cartToPolar(down, across)
    turns = max(round(2 * np.pi * pose.scale * dot / (0.75 * noise.BANK)), 1)
    angle += np.float32(0.016) * mottle
    radius *= np.float32(110 * turns**0.5 / pose.scale)
    radius += 3 * mottle
    return noise.combed(angle, radius, turns, rng)
