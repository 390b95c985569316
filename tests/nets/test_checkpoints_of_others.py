"""Files of weights as people have them: of other names and kinds, in parts, and some that are no weights."""

import argparse
import json
import os
import re
import time
import zipfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.serialization import get_safe_globals

from reportgen.analyses.settings import KNOWN
from reportgen.base.artifacts import FileDigests
from reportgen.base.errors import UserError
from reportgen.nets import matching
from reportgen.nets.checkpoints import classes_of_head, fit, read_state
from reportgen.pipeline.user_files import net_files
from reportgen.settings.load import load


class Small(nn.Module):
    """Two convolutions share their weights, if `tied`."""

    def __init__(self, tied: bool = False) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 2)
        if tied:
            self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.two(self.one(x)).mean((2, 3)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fitted(name: str, tied: bool = False) -> dict[str, Tensor]:
    net = Small(tied)
    fit(net, read_state(Path(name), f"WEIGHTS={name}"), "net", f"WEIGHTS={name}")
    return net.state_dict()


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert all(found[name].equal(value) for name, value in wanted.items())


@pytest.mark.parametrize("name", ["A.SAFETENSORS", "pytorch_model.bin", "a.pt"])
def test_safetensors_are_known_by_their_content(home: Path, name: str) -> None:
    state = Small().state_dict()
    safetensors.torch.save_file(state, name)
    assert_same(fitted(name), state)


@pytest.mark.parametrize("length", [0x280, 0x880, 0x4B50], ids=["as a pickle", "another", "as a zip file"])
def test_a_safetensors_file_whose_length_looks_like_another_kind(home: Path, length: int) -> None:
    """Its first two bytes are those with which a pickle, or a zip file, begins."""
    state = Small().state_dict()
    safetensors.torch.save_file(state, "a.safetensors", {"filler": ""})
    short = int.from_bytes(Path("a.safetensors").read_bytes()[:8], "little")
    safetensors.torch.save_file(state, "a.safetensors", {"filler": "x" * (length - short)})
    assert int.from_bytes(Path("a.safetensors").read_bytes()[:8], "little") == length
    assert_same(fitted("a.safetensors"), state)


def test_a_checkpoint_of_torchs_may_be_called_safetensors(home: Path) -> None:
    state = Small().state_dict()
    torch.save(state, "a.safetensors")
    assert_same(fitted("a.safetensors"), state)


def test_weights_that_are_spread_over_files_are_read_by_their_index(home: Path) -> None:
    state = Small().state_dict()
    places = {name: f"model-{number % 2}.safetensors" for number, name in enumerate(state)}
    for place in set(places.values()):
        safetensors.torch.save_file({name: state[name] for name in state if places[name] == place}, place)
    Path("model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert_same(fitted("model.safetensors.index.json"), state)
    switches = {"PROFILE": "tiny", "MODEL": "no:net", "WEIGHTS": "model.safetensors.index.json"}
    settings = load(switches, KNOWN)
    known = net_files(settings, FileDigests(home / "memory"))
    safetensors.torch.save_file({"one.weight": torch.ones(1)}, "model-1.safetensors")
    assert net_files(settings, FileDigests(home / "memory")) != known
    Path("model-1.safetensors").unlink()
    with pytest.raises(UserError, match=r"it names model-1\.safetensors, which is not beside it: put it there"):
        fitted("model.safetensors.index.json")


def test_the_files_of_an_index_may_be_links_as_in_the_cache_of_hugging_face(home: Path) -> None:
    state = Small().state_dict()
    for folder in ("blobs", "snapshot"):
        Path(folder).mkdir()
    safetensors.torch.save_file(state, "blobs/0a1b")
    Path("snapshot/model-1.safetensors").symlink_to("../blobs/0a1b")
    Path("blobs/2c3d").write_text(json.dumps({"weight_map": dict.fromkeys(state, "model-1.safetensors")}))
    Path("snapshot/model.safetensors.index.json").symlink_to("../blobs/2c3d")
    assert_same(fitted("snapshot/model.safetensors.index.json"), state)
    Path("blobs/2c3d").write_text(json.dumps({"weight_map": dict.fromkeys(state, "../blobs/0a1b")}))
    with pytest.raises(UserError, match=r"leads out of its folder"):
        fitted("snapshot/model.safetensors.index.json")
    Path("blobs/2c3d").write_text(json.dumps({"weight_map": dict.fromkeys(state, "a" * 5_000)}))
    with pytest.raises(
        UserError, match=r"not an index of weights \(weight_map\..*: 'a+…' is longer than a name of a file can be\)"
    ):
        fitted("snapshot/model.safetensors.index.json")


def test_an_index_of_indices_is_refused(home: Path) -> None:
    """One that names itself was read until Python refused to go deeper; two that name two others each, for ever."""
    name = "model.safetensors.index.json"
    Path(name).write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(UserError, match=f"it names {name}, an index itself: give the index of the weights alone"):
        fitted(name)


def test_of_shared_weights_one_is_enough(home: Path) -> None:
    net = Small(tied=True)
    safetensors.torch.save_model(net, "a.safetensors")
    assert_same(fitted("a.safetensors", tied=True), net.state_dict())
    with pytest.raises(UserError, match=r"1 of the net's 6 weights is missing"):
        fitted("a.safetensors")


@pytest.mark.parametrize("around", [lambda state: (3, state), lambda state: [state], lambda state: {"nets": [state]}])
def test_a_state_dict_may_lie_in_a_list(home: Path, around: Any) -> None:
    state = Small().state_dict()
    torch.save(around(state), "a.pt")
    assert_same(fitted("a.pt"), state)


def test_a_sparse_weight_is_filled_up(home: Path) -> None:
    state = Small().state_dict()
    torch.save(state | {"head.weight": state["head.weight"].to_sparse()}, "a.pt")
    assert_same(fitted("a.pt"), state)


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's: quantised tensors go
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (lambda value: (value * 100).to(torch.int8), "whole numbers (int8)"),
        (lambda value: value.to(torch.complex64), "complex numbers"),
        (lambda value: torch.quantize_per_tensor(value, 0.01, 0, torch.qint8), "quantised numbers"),
    ],
)
def test_numbers_that_mean_something_else_are_refused(home: Path, kind: Any, said: str) -> None:
    state = Small().state_dict()
    torch.save(state | {"one.weight": kind(state["one.weight"])}, "a.pt")
    with pytest.raises(UserError, match=rf"^WEIGHTS=a\.pt: one\.weight holds {re.escape(said)}"):
        fitted("a.pt")


def _holding(found: dict[str, Any], times: int) -> dict[str, Any]:
    found.update((str(number), found) for number in range(times))
    return found


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (lambda: {"head.weight": torch.zeros(2, 4, device="meta")}, "head.weight has a shape and no values"),
        (
            lambda: {"head.weight": torch.zeros(1).expand(10**9, 4)},
            "head.weight repeats few numbers, 4,000,000,000 times",
        ),
        (lambda: _holding({"weight": torch.zeros(2)}, 20), "more than 300,000 entries in its mappings"),
        (
            lambda: {"a." * 5_000 + str(at): torch.zeros(1) for at in range(3)},
            "the names of its 9 tensors are too long",
        ),
        (lambda: {"head.weight": torch.zeros(0, 4), "head.bias": torch.zeros(0)}, "its last layer has no rows"),
    ],
    ids=["no values", "repeated", "in itself", "names", "no classes"],
)
def test_a_small_file_cannot_take_much_memory_or_time(home: Path, state: Any, said: str) -> None:
    torch.save(Small().state_dict() | state(), "a.pt")
    with pytest.raises(UserError, match=f"^WEIGHTS=a.pt: {said}"):
        classes_of_head(Small(), read_state(Path("a.pt"), "WEIGHTS=a.pt"), "", "WEIGHTS=a.pt")


def test_an_archive_that_unpacks_to_very_much_is_not_opened(home: Path) -> None:
    torch.save({"a": torch.zeros(1_000_000)}, "stored.pt")
    with zipfile.ZipFile("stored.pt") as stored, zipfile.ZipFile("a.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in stored.namelist():
            packed.writestr(name, stored.read(name))
    with pytest.raises(
        UserError, match=r"^WEIGHTS=a\.pt: it would unpack to 4,00\d,\d+ bytes, which is no file of torch\.save"
    ):
        read_state(Path("a.pt"), "WEIGHTS=a.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_more_instructions_than_any_weights_need_are_not_carried_out(home: Path, zipped: bool) -> None:
    """torch's reader takes 25 s for ten million of them."""
    torch.save(
        {"weight": torch.zeros(1), "beside": list(range(1_500_000))}, "a.pt", _use_new_zipfile_serialization=zipped
    )
    with pytest.raises(UserError, match=r"^WEIGHTS=a\.pt: beside its tensors it holds too much, [3-9],\d+,\d+ bytes"):
        read_state(Path("a.pt"), "WEIGHTS=a.pt")


def test_an_instruction_that_asks_for_any_amount_of_memory_is_not_carried_out(home: Path) -> None:
    Path("a.pt").write_bytes(b"\x80\x02\x8e" + (2**62).to_bytes(8, "little"))
    with pytest.raises(UserError, match=r"^WEIGHTS=a\.pt: it holds more than weights"):
        read_state(Path("a.pt"), "WEIGHTS=a.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_what_a_training_notes_beside_its_weights_is_little_enough(home: Path, zipped: bool) -> None:
    history = {"losses": [0.5] * 50_000, "weight": torch.zeros(1)}
    torch.save(history, "a.pt", _use_new_zipfile_serialization=zipped)
    assert list(read_state(Path("a.pt"), "WEIGHTS=a.pt")) == ["weight"]


def test_sets_of_names_that_are_none_of_the_nets_are_passed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each beginning of each name was tried: of 300,000 tensors that took minutes."""
    tried: list[Any] = []
    match = matching._match
    monkeypatch.setattr(matching, "_match", lambda *of: tried.append(of) or match(*of))
    state = Small().state_dict() | {f"a.b.{number}.c": torch.zeros(0) for number in range(1_000)}
    [found] = matching.matches(Small(), state, "", "WEIGHTS=a.pt")
    assert not found.missing
    assert len(tried) < 20


def test_the_largest_mapping_of_very_many_is_found_at_once() -> None:
    """Counting each anew took a minute, of 100,000."""
    started = time.process_time()
    assert matching._largest_mapping([*(f"{at}/a" for at in range(50_000)), "b/c", "b/d"]) == "b/"
    assert matching._largest_mapping([]) == ""
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (lambda value: torch.full_like(value, 1e300, dtype=torch.float64), "one.weight is not finite"),
        (
            lambda value: torch.empty(value.shape, dtype=torch.float4_e2m1fn_x2),
            "one.weight holds float4_e2m1fn_x2, which torch",
        ),
    ],
)
def test_numbers_that_the_net_cannot_hold_are_refused(home: Path, kind: Any, said: str) -> None:
    state = Small().state_dict()
    torch.save(state | {"one.weight": kind(state["one.weight"])}, "a.pt")
    with pytest.raises(UserError, match=rf"^WEIGHTS=a\.pt: {said}"):
        fitted("a.pt")


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"an empty file: give a \.safetensors"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n",
            r"a pointer of Git LFS, .*: run git lfs pull",
        ),
        (b"<!DOCTYPE html><html></html>", r"not a (checkpoint of torch's|safetensors file), or a damaged one"),
    ],
)
def test_what_is_no_checkpoint_is_named(home: Path, name: str, content: bytes, said: str) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(UserError, match=rf"^WEIGHTS={re.escape(name)}: {said}"):
        fitted(name)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # torch's: TorchScript goes
def test_of_torchscript_the_weights_can_be_saved(home: Path) -> None:
    net = Small().eval()
    torch.jit.save(torch.jit.trace(net, torch.zeros(1, 4, 9, 9)), "a.pt")
    with pytest.raises(
        UserError, match=r"a TorchScript archive: save its weights alone, torch\.save\(torch\.jit\.load"
    ):
        fitted("a.pt")
    torch.save(torch.jit.load("a.pt").state_dict(), "b.pt")
    assert_same(fitted("b.pt"), net.state_dict())


BESIDE = {
    "a number of numpy's": np.float64(0.91),
    "a single one": np.float32(0.91),
    "a count": np.int64(3),
    "an answer": np.bool_(True),
    "an array": np.arange(3.0),
    "a kind of number": np.dtype("float32"),
    "numpy's generator": np.random.RandomState(0).get_state(),
    "arguments": argparse.Namespace(lr=0.1, folder=Path("runs"), best=np.float64(0.9)),
    "a time": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    "a duration": timedelta(seconds=3),
    "a path": Path("runs"),
    "a history": defaultdict(list, loss=[np.float64(0.5)]),
}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("what", BESIDE)
def test_what_trainings_note_beside_their_weights_is_passed_over(what: str, old: bool, home: Path) -> None:
    net = Small()
    torch.save(
        {"note": BESIDE[what], "state_dict": net.state_dict(), "notes": [BESIDE[what]]},
        "run.pt",
        _use_new_zipfile_serialization=not old,
    )
    allowed = set(get_safe_globals())
    state = read_state(Path("run.pt"), "WEIGHTS=run.pt")
    assert set(get_safe_globals()) == allowed
    assert state.keys() == {f"state_dict/{name}" for name in net.state_dict()}
    assert all(torch.equal(value, state[f"state_dict/{name}"]) for name, value in net.state_dict().items())


class Calls:
    """Runs code where pickle opens it."""

    def __init__(self, function: Any, *given: Any) -> None:
        self.function, self.given = function, given

    def __reduce__(self) -> tuple:
        return self.function, self.given


@pytest.mark.parametrize("function", [os.system, os.mkdir, eval, getattr, np.load, np.frompyfunc, Path.touch])
def test_what_runs_code_is_refused_also_inside_what_is_passed_over(function: Any, home: Path) -> None:
    for beside in (Calls(function, "ran"), argparse.Namespace(lr=Calls(function, "ran"))):
        torch.save({"state_dict": Small().state_dict(), "beside": beside}, "run.pt")
        with pytest.raises(UserError, match=r"it holds more than weights \(.*could run code, so it was not opened"):
            read_state(Path("run.pt"), "WEIGHTS=run.pt")
    assert [path.name for path in home.iterdir()] == ["run.pt"]
