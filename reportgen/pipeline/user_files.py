"""The user's own files that a run reads: a stage's stamp holds the digest of their content."""

from pathlib import Path

from reportgen.base.artifacts import FileDigests, digest
from reportgen.base.errors import UserError
from reportgen.base.foreign import beneath
from reportgen.base.libraries import version
from reportgen.base.names import nearest
from reportgen.claims import noise
from reportgen.data.coco import open_coco
from reportgen.data.layouts import check_folder
from reportgen.nets.weight_index import is_index, parts
from reportgen.pipeline import user_code
from reportgen.settings.sections import FOLDER, NAMED_MULTILABEL, NAMED_SETS, TIMM, Settings


def images(settings: Settings, digests: FileDigests) -> str | list[str]:
    """Digest of the user's images and labels; the embedded scenes depend only on their settings and source files."""
    source, table = settings.data.source, settings.labels.file
    found = source if settings.data.named else _tree_digest(source, "DATA", digests)
    return [found, _digest_of("LABELS", table, "a table of files and labels", digests)] if table else found


def transfer_images(settings: Settings, digests: FileDigests) -> str:
    """Digest of the user's images of other classes."""
    source = settings.transfer.source
    return source if settings.transfer.named else _tree_digest(source, "TRANSFER", digests)


def _tree_digest(source: str, switch: str, digests: FileDigests) -> str:
    if source in ("", "scenes"):
        return source
    if not Path(source).is_dir():
        near = nearest(source, NAMED_SETS if switch == "DATA" else (*NAMED_SETS, NAMED_MULTILABEL))
        check_folder(Path(source), f"{switch}={source}", "give a folder with one folder of images for each class", near)
    return digests.of_tree(Path(source))


def annotation_files(settings: Settings, digests: FileDigests) -> str | list[str]:
    """Digests of the user's annotations and of the images that lie beside the file."""
    masks = settings.annotations.masks
    found = (
        [_digest_of("MASKS", masks, "a COCO annotations file, or a folder of mask pictures", digests)] if masks else []
    )
    if Path(masks).is_file():
        open_coco(Path(masks), f"MASKS={masks}")
    if not settings.annotations.parts:
        return found or ""
    path = Path(settings.annotations.parts)
    said_by = f"PARTS={path}"
    beside = [path.parent / beneath(image.file_name, said_by) for image in open_coco(path, said_by).images]
    return [*found, digests.of(path), *(digests.of(image) for image in beside if image.is_file())]


def noise_files(settings: Settings, digests: FileDigests) -> str:
    """Digest of the user's file of training noise; raises UserError for a file that is none, before a net is trained."""
    found = _digest_of("NOISE", settings.noise.file, "the file that make noise wrote", digests)
    if found:
        noise.read(Path(settings.noise.file), f"NOISE={settings.noise.file}")
    return found


def net_files(settings: Settings, digests: FileDigests) -> list[str]:
    """Digests of the loaded net's weights, class names and snapshots, and of the user's own code that makes it."""
    model = settings.model
    module, colon, _ = model.name.partition(":")
    code = user_code.files(module) if module and colon else []
    weights = Path(model.weights)
    return [
        digests.of(weights) if weights.is_file() else model.weights,
        _digest_of("CLASSES", model.classes, "a text, .csv or .json file", digests),
        _digest_of("SNAPSHOTS", model.snapshots, "a folder of checkpoints", digests),
        digest([digests.of(path) for path in code]),
        *_of_others(model.name, digests),
        *map(digests.of, parts(weights, f"WEIGHTS={model.weights}") if is_index(weights) and weights.is_file() else ()),
    ]


def _of_others(name: str, digests: FileDigests) -> list[str]:
    """What a net of timm or transformers depends on: the library's version, and the folder."""
    if name.startswith(TIMM):
        return [f"timm {version('timm')}"]
    if not name.startswith(FOLDER):
        return []
    folder = name.removeprefix(FOLDER)
    if not Path(folder).is_dir():
        raise UserError(f"MODEL={name}: no such folder: give one that save_pretrained of transformers wrote")
    return [f"transformers {version('transformers')}", digests.of_tree(Path(folder))]


def _digest_of(switch: str, place: str, wanted: str, digests: FileDigests) -> str:
    path = Path(place)
    if place and not path.is_file() and not path.is_dir():
        found = "no ordinary file" if path.exists() else "no such file or folder"  # a pipe or a device may never end
        raise UserError(f"{switch}={place}: {found}: give {wanted}")
    return "" if not place else digests.of_tree(path) if path.is_dir() else digests.of(path)
