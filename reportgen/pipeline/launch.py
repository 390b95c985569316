"""Starting the processes that share a stage with torchrun, and reporting their error in one line."""

import json
import logging
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reportgen.base.errors import UserError

if TYPE_CHECKING:  # the command line imports this, and imports no torch
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

ORDER = "nanoseconds"  # key in the file where a process leaves its error: torchrun's own time is in whole seconds
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # torchrun sets handlers for these


def check(gpus: int, device: str) -> None:
    """Raise UserError if this machine has fewer than `gpus` GPUs."""
    if gpus == 1:
        return
    import torch  # only where several GPUs are asked for

    from reportgen.nets.device import resolve_device

    chosen = resolve_device(device)
    if chosen.type == "cpu" and device != "cpu":
        raise UserError(
            f"GPUS={gpus}: there is no GPU here: leave GPUS= out, or use DEVICE=cpu for {gpus} processes on the CPU"
        )
    if chosen.type == "mps" or chosen.index is not None:
        raise UserError(f"DEVICE={device}: this is one GPU: with GPUS={gpus} use DEVICE=cuda, or leave DEVICE= out")
    here = torch.cuda.device_count()
    if chosen.type == "cuda" and gpus > here:
        raise UserError(f"GPUS={gpus}: there {'is' if here == 1 else 'are'} only {here} here: use at most GPUS={here}")


def launch(words: Sequence[str], processes: int) -> None:
    """Run ``reportgen`` with these words in `processes` processes on this machine, with torchrun.

    Only the first process prints. If one fails, the others are ended; raises UserError with the error of the process
    that failed first.
    """
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))  # else torchrun sets 1, and prints a long warning
    with tempfile.TemporaryDirectory() as logs, _left_alone():
        arguments = ["--standalone", f"--nproc-per-node={processes}", f"--log-dir={logs}", "--local-ranks-filter=0"]
        try:
            torchrun.run(torchrun.parse_args([*arguments, "-m", "reportgen", *words]))
        except ChildFailedError as error:
            raise UserError(_said(error.failures, processes)) from None
        except SignalException:
            raise KeyboardInterrupt from None


@contextmanager
def _left_alone() -> Iterator[None]:
    """Keep torchrun's logging off standard error, and restore the signal handlers that it replaces."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)  # for all loggers: torchrun's have their own handlers, and nothing else runs now
    try:
        yield
    finally:
        logging.disable(disabled)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _said(failures: "dict[int, ProcessFailure]", processes: int) -> str:
    """One line about the process that failed first.

    A process that was killed leaves no message, so it sorts first: the others failed because it was gone.
    """

    def order(item: "tuple[int, ProcessFailure]") -> tuple[bool, int]:
        failure = item[1]  # those that torchrun ended with SIGTERM come last: they may leave no message either
        return failure.exitcode == -signal.SIGTERM, failure.error_file_data.get(ORDER, 0)

    rank, first = min(failures.items(), key=order)
    if first.error_file_data.get("user"):
        return first.message
    said = first.message if first.exitcode < 0 or ORDER in first.error_file_data else f"exit status {first.exitcode}"
    return f"GPUS={processes}: process {rank + 1} ended: {said}: the same command continues from what was saved"


def report(error: BaseException, said: str | None) -> None:
    """Write an error into torchrun's error file, in a process that torchrun started.

    `said`: the message for the user, if the error has one.
    """
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = said or f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})".replace(
        "\n", " "
    )
    word = {"message": message, "user": said is not None, "timestamp": int(time.time()), ORDER: time.time_ns()}
    Path(os.environ["TORCHELASTIC_ERROR_FILE"]).write_text(json.dumps(word))
