"""The index beside weights that are spread over several files, as transformers writes it."""

from pathlib import Path

from pydantic.dataclasses import dataclass as checked

from reportgen.base import foreign
from reportgen.base.errors import UserError

GIVE = "give a .safetensors, .pt or .pth file"
ENDING = ".index.json"  # how the name of an index ends


@checked(frozen=True)
class _Index:
    """In which file each tensor lies."""

    weight_map: dict[str, foreign.Named]


def is_index(path: Path) -> bool:
    """Whether a path is, by its name, that of an index."""
    return path.name.endswith(ENDING)


def parts(index: Path, said_by: str) -> list[Path]:
    """The files that an index names, each once; they lie beside it.

    Links are followed: Hugging Face's cache is made of them, and no weight is copied into a report. Raises UserError, beginning
    with `said_by`, for an index that is damaged, or that names a file which is elsewhere or missing.
    """
    with foreign.reading(said_by, "an index of weights", GIVE):
        written: _Index = foreign.document(index, _Index)
    if inner := next((name for name in written.weight_map.values() if is_index(Path(name))), None):
        raise UserError(
            f"{said_by}: it names {foreign.short(inner)}, an index itself: give the index of the weights alone"
        )
    found = {name: index.parent / foreign.beneath(name, said_by) for name in written.weight_map.values()}
    if missing := next((name for name, part in found.items() if not part.is_file()), None):
        raise UserError(f"{said_by}: it names {missing}, which is not beside it: put it there")
    return list(found.values())
