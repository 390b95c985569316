"""COCO files and their pictures, as users have them: a red dot for each part on a green object."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

PARTS = ("right_eye", "left_eye", "nose")


def picture(size: tuple[int, int], box: tuple[int, int, int, int], dots: list[tuple[float, float, int]]) -> np.ndarray:
    """A grey picture (width, height) with a green box (x, y, width, height) and red dots (x, y, radius) on it."""
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    x, y, width, height = box
    pixels[y : y + height, x : x + width] = (40, 200, 40)
    for at_x, at_y, radius in dots:
        cv2.circle(pixels, (round(at_x), round(at_y)), radius, (230, 20, 20), -1)
    return pixels


def image_of(number: int, name: str, size: tuple[int, int] = (120, 80)) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": size[0], "height": size[1]}


def annotation_of(number: int, **changes: Any) -> dict[str, Any]:
    """Three parts on an object that fills the middle of a picture of 120 x 80 pixels."""
    found = {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "bbox": [30, 10, 60, 60],
        "area": 3600,
        "keypoints": [45, 30, 2, 75, 30, 2, 60, 55, 2],
        "part_sizes": [8, 8, 10],
    }
    return {key: value for key, value in (found | changes).items() if value is not None}


def document_of(images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    categories = [{"id": 1, "name": "dog", "keypoints": list(PARTS)}, {"id": 2, "name": "wheel"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def write(folder: Path, document: Any, pictures: dict[str, np.ndarray] | None = None) -> Path:
    """A COCO file with its pictures beside it."""
    for name, pixels in (pictures or {}).items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place)
    path = folder / "parts.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def dog() -> np.ndarray:
    """The picture that `annotation_of` describes."""
    return picture((120, 80), (30, 10, 60, 60), [(45, 30, 4), (75, 30, 4), (60, 55, 5)])
