"""A GPU that is none: its tensors are apart from the CPU's as a real one's are, and the CPU computes them.

What it shows: that no computation mixes the two, that nothing is read before the GPU is known to have computed it, where
the CPU waits for the GPU, and that multiplications are exact. What it does not: CUDA's own numbers, speed and memory.

    with pretended_gpu() as gpu:
        net.to("cuda")(images.to("cuda"))
    print(gpu.waits)

`python tests/helpers/pretended_gpu.py FILE GOAL,GOAL PROFILE=tiny DEVICE=cuda ...` makes stages, and those before them, so, and writes
what was seen to FILE.
"""

import collections
import concurrent.futures
import json
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

import reportgen

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
SOURCES = Path(reportgen.__file__).parent
MEMORY = 80 * 2**30
aten = torch.ops.aten
COPIES = (aten._to_copy.default, aten.copy_.default)
BY_INDEX = (
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
    aten._unsafe_index.Tensor,
)
ASKING = (  # their result has a size or a value that the CPU must know
    aten.bincount.default,
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.unique_consecutive.default,
    aten.repeat_interleave.Tensor,
)
FREE = (aten.detach.default, aten.alias.default, aten.empty_like.default, aten.empty.memory_format)
MULTIPLYING = (
    aten.convolution.default,
    aten.convolution_backward.default,
    aten.mm.default,
    aten.addmm.default,
    aten.bmm.default,
    aten.baddbmm.default,
)


class OnGpu(Tensor):
    """A tensor of the GPU. To torch's own code it lies on the device `meta`, which no CPU tensor may be mixed with."""

    held: Tensor  # its numbers

    @staticmethod
    def __new__(cls, held: Tensor, requires_grad: bool = False) -> "OnGpu":
        shape = torch.empty_strided(held.shape, held.stride(), dtype=held.dtype, device="meta")
        made = torch.Tensor._make_subclass(cls, shape, requires_grad)
        made.held = held
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return GPU

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return True

    @property
    def is_meta(self) -> bool:  # type: ignore[override]
        return False

    def untyped_storage(self) -> torch.UntypedStorage:
        return self.held.untyped_storage()  # whoever asks wants to know which tensors share memory

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def __deepcopy__(self, memo: dict[int, Any]) -> "OnGpu":
        made = self.detach().clone()
        if isinstance(self, torch.nn.Parameter):
            return torch.nn.Parameter(made, self.requires_grad)  # type: ignore[return-value]
        return made.requires_grad_(self.requires_grad)  # type: ignore[return-value]

    def __reduce_ex__(self, protocol: Any) -> Any:  # as if read back with map_location="cpu"
        return self.held.detach().__reduce_ex__(protocol)

    def __repr__(self) -> str:  # type: ignore[override]
        return f"OnGpu({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{function}: a tensor of the pretended GPU outlived it")


class Seen:
    """What happened on the GPU, and what is on its way from there."""

    def __init__(self) -> None:
        self.calls = 0  # of the GPU, but for views, which cost it nothing
        self.waits: collections.Counter[str] = collections.Counter()  # by the line of reportgen
        self.coarse: collections.Counter[str] = collections.Counter()  # multiplications in TF32, likewise
        self.coming: list[tuple[Tensor, Tensor]] = []  # the CPU's copy, and what will stand in it

    def wait(self, what: str) -> None:
        """The CPU waits until all that was asked for is computed."""
        self.waits[f"{_line()}: {what}"] += 1
        self.arrive(len(self.coming))

    def arrive(self, count: int) -> None:
        """So many of all copies are known to be complete."""
        for place, numbers in self.coming[:count]:
            place.copy_(numbers)
        del self.coming[:count]

    def event(self) -> SimpleNamespace:
        """What `Stream.record_event` gives."""
        before, calls = list(self.coming), self.calls

        def synchronize() -> None:
            if self.calls == calls:  # nothing else was asked for meanwhile: the GPU has nothing to do
                self.waits[f"{_line()}: an event, with nothing behind it"] += 1
            self.arrive(sum(any(one is other for other in before) for one in self.coming))

        return SimpleNamespace(synchronize=synchronize)


def _tensors(items: Iterable[Any]) -> Iterator[Tensor]:
    """Those among the arguments of a call, and in lists among them."""
    for item in items:
        if isinstance(item, Tensor):
            yield item
        elif isinstance(item, (list, tuple)):
            yield from (part for part in item if isinstance(part, Tensor))


def _line() -> str:
    for frame in reversed(traceback.extract_stack()):
        path = Path(frame.filename)
        if path.is_relative_to(SOURCES):
            return f"{path.relative_to(SOURCES)}, {frame.line}"
    return "tests"


class _Computing(TorchDispatchMode):
    """Carries out every call: the GPU's by the CPU, on what the tensors hold."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        given = list(_tensors((*args, *kwargs.values())))
        on_gpu = [item for item in given if isinstance(item, OnGpu)]
        target = kwargs.get("device")
        if not on_gpu and target is None:  # the CPU's own: most calls
            return function(*args, **kwargs)
        if target is not None and torch.device(target) not in (GPU, torch.device("cuda"), CPU, torch.device("meta")):
            raise RuntimeError(f"{target}: there is one GPU")
        goes = bool(on_gpu) if target is None else torch.device(target).type in ("cuda", "meta")
        if function is aten.copy_.default:
            goes = isinstance(args[0], OnGpu)
        if target is not None and goes:
            kwargs["device"] = CPU
        if on_gpu or goes:
            self.seen.calls += not (function.is_view or function in FREE)
            self._check(function, args, kwargs, given, goes)
        held = tree_map(lambda item: item.held if isinstance(item, OnGpu) else item, (args, kwargs))
        result = function(*held[0], **held[1])
        if function is aten._to_copy.default and on_gpu and not goes and kwargs.get("non_blocking"):
            return self._coming(result)
        known = {id(item.held): item for item in on_gpu}  # what works in place returns what it was given
        known |= {id(item): item for item in given if not isinstance(item, OnGpu)}

        def wrapped(item: Any) -> Any:
            if not isinstance(item, Tensor):
                return item
            return known[id(item)] if id(item) in known else OnGpu(item) if goes else item

        return tree_map(wrapped, result)

    def _check(self, function: Any, args: Any, kwargs: Any, given: list[Tensor], goes: bool) -> None:
        on_cpu = [item for item in given if not isinstance(item, OnGpu)]
        large = [tuple(item.shape) for item in on_cpu if item.dim() > 0]
        if function in COPIES:
            beside = kwargs.get("non_blocking") or (len(args) > 2 and args[2])
            pinned = all(getattr(item, "pinned", False) for item in on_cpu)
            if on_cpu and not (beside and pinned):
                self.seen.wait("a copy from the CPU" if goes else "a copy to the CPU")
            elif not goes and not beside:
                self.seen.wait("a copy to the CPU")
        elif function in BY_INDEX:
            self._check_index(args)
        elif large or (on_cpu and torch.Tag.pointwise not in function.tags):
            raise RuntimeError(f"{function}: tensors of the GPU, and of the CPU, of shapes {large}")
        if function in ASKING:
            self.seen.wait(str(function))
        if function in MULTIPLYING and "tf32" in (
            torch.backends.cudnn.conv.fp32_precision,
            torch.backends.cuda.matmul.fp32_precision,
        ):
            self.seen.coarse[_line()] += 1

    def _check_index(self, args: Any) -> None:
        indices = [item for item in args[1] if item is not None]
        values = [item for item in args[2:3] if isinstance(item, Tensor) and item.dim() > 0]
        if not all(isinstance(item, OnGpu) for item in (args[0], *values)):
            raise RuntimeError("an index: tensors of the GPU, and of the CPU")
        if not all(isinstance(item, OnGpu) for item in indices):
            self.seen.wait("an index from the CPU")
        elif any(item.dtype in (torch.bool, torch.uint8) for item in indices):
            self.seen.wait("a mask as index")

    def _coming(self, numbers: Tensor) -> Tensor:
        """A copy that nobody may read yet: until then something else stands there."""
        place = torch.full_like(numbers, float("nan") if numbers.is_floating_point() else 113)
        self.seen.coming.append((place, numbers))
        return place


class _Numbered(TorchFunctionMode):
    """`cuda` is `cuda:0`: torch would ask the driver which of them."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if function is not torch.device:
            args = tuple(map(_numbered, args))
            kwargs = {name: _numbered(item) for name, item in kwargs.items()}
        if (
            function is torch.tensor and isinstance(kwargs.get("device"), torch.device) and kwargs["device"] == GPU
        ):  # it would be filled by the driver
            return function(*args, **{**kwargs, "device": CPU}).to(GPU)
        return function(*args, **kwargs)


def _numbered(item: Any) -> Any:
    if isinstance(item, Tensor):
        return item
    named = (isinstance(item, str) and item == "cuda") or (isinstance(item, torch.device) and item.type == "cuda")
    return GPU if named else item


def _pinned(tensor: Tensor) -> Tensor:
    if isinstance(tensor, OnGpu) or not tensor.is_contiguous():
        raise RuntimeError("pin_memory: only what lies on the CPU, in order")
    made: Any = tensor.clone()
    made.pinned = True
    return made


@contextmanager
def multiplying() -> Iterator[None]:
    """Torch's switches for coarse multiplications as they are by themselves, and put back to that afterwards."""
    try:
        _by_itself()
        yield
    finally:
        _by_itself()


def _by_itself() -> None:
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = False
    cudnn: Any = torch.backends.cudnn
    cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = "tf32"
    torch.backends.cuda.matmul.fp32_precision = "none"


@contextmanager
def pretended_gpu() -> Iterator[Seen]:
    """Meanwhile there is one GPU, as far as this process can tell."""
    seen = Seen()

    @contextmanager
    def here() -> Iterator[None]:
        with _Numbered(), _Computing(seen):
            yield

    submit = concurrent.futures.ThreadPoolExecutor.submit

    def submit_there(pool: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def function_there() -> Any:  # modes belong to one thread
            with here():
                return function(*args, **kwargs)

        return submit(pool, function_there)

    properties = SimpleNamespace(name="a pretended GPU", total_memory=MEMORY, major=9, minor=0)
    state = torch.zeros(16, dtype=torch.uint8)
    replaced: dict[str, Callable[..., Any]] = {
        "_lazy_init": lambda: None,
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_properties": lambda device=None: properties,
        "get_device_name": lambda device=None: properties.name,
        "get_rng_state": lambda device=None: state,
        "set_rng_state": lambda new, device=None: None,
        "synchronize": lambda device=None: seen.wait("synchronize"),
        "empty_cache": lambda: None,
        "current_stream": lambda device=None: SimpleNamespace(record_event=seen.event),
    }
    with ExitStack() as stack:
        for name, value in replaced.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, value))
        stack.enter_context(mock.patch.object(torch.Tensor, "pin_memory", _pinned))
        stack.enter_context(mock.patch.object(concurrent.futures.ThreadPoolExecutor, "submit", submit_there))
        stack.enter_context(multiplying())
        future = torch.__future__  # a moved net gets other parameters: by themselves they would only get other numbers
        stack.callback(
            future.set_overwrite_module_params_on_conversion, future.get_overwrite_module_params_on_conversion()
        )
        future.set_overwrite_module_params_on_conversion(True)
        stack.enter_context(here())
        yield seen


if __name__ == "__main__":
    from reportgen.analyses import settings
    from reportgen.stages.plan import pipeline as planned

    loaded = settings.load(dict(word.split("=") for word in sys.argv[3:]))
    with pretended_gpu() as gpu:
        planned(loaded, Path("build"), Path("report")).make_due(sys.argv[2].split(","))
    found = {"calls": gpu.calls, "coarse": gpu.coarse, "unread": len(gpu.coming)}
    Path(sys.argv[1]).write_text(json.dumps(found, indent=1), encoding="utf-8")
