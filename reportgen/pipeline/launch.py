"""Starting the processes that share a stage: torchrun, and one line of what went wrong in them."""

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

ORDER = "nanoseconds"  # in the file in which a process leaves its error: torchrun itself counts seconds
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)  # that torchrun listens to


def check(gpus: int, device: str) -> None:
    """Raise UserError where there are not as many GPUs as are asked for."""
    if gpus == 1:
        return
    import torch  # only where several GPUs are asked for

    from reportgen.nets.device import resolve_device

    chosen = resolve_device(device)
    if chosen.type == "cpu" and device != "cpu":
        raise UserError(
            f"GPUS={gpus}: there is no GPU here: leave it out, or use DEVICE=cpu for {gpus} processes on the CPU"
        )
    if chosen.type == "mps" or chosen.index is not None:
        raise UserError(f"DEVICE={device}: this is one GPU: with GPUS={gpus} use DEVICE=cuda or leave it out")
    here = torch.cuda.device_count()
    if chosen.type == "cuda" and gpus > here:
        raise UserError(f"GPUS={gpus}: there {'is' if here == 1 else 'are'} only {here} here: use at most GPUS={here}")


def launch(words: Sequence[str], processes: int) -> None:
    """Run ``reportgen`` with these words in so many processes of this machine, as torchrun does.

    Only the first of them is heard. Raises UserError with what went wrong in the one that failed first; the others are
    ended then.
    """
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))  # else torchrun says 1, in many lines
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
    """Keep torchrun's logging off standard error, and put the handlers of signals back that it sets."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)  # its loggers have handlers of their own; and nothing else happens here meanwhile
    try:
        yield
    finally:
        logging.disable(disabled)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _said(failures: "dict[int, ProcessFailure]", processes: int) -> str:
    """One line on the process that failed first; one that was killed left no word, and the others failed by its absence."""

    def order(item: "tuple[int, ProcessFailure]") -> tuple[bool, int]:
        failure = item[1]  # torchrun ends the others with SIGTERM, and they may leave no word either
        return failure.exitcode == -signal.SIGTERM, failure.error_file_data.get(ORDER, 0)

    rank, first = min(failures.items(), key=order)
    if first.error_file_data.get("user"):
        return first.message
    said = first.message if first.exitcode < 0 or ORDER in first.error_file_data else f"exit status {first.exitcode}"
    return f"GPUS={processes}: process {rank + 1} ended: {said}: the same command goes on from what was finished"


def report(error: BaseException, said: str | None) -> None:
    """Leave word of an error, in a process that torchrun started; `said`: how a user is told of it, where that is known."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    message = said or f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})".replace(
        "\n", " "
    )
    word = {"message": message, "user": said is not None, "timestamp": int(time.time()), ORDER: time.time_ns()}
    Path(os.environ["TORCHELASTIC_ERROR_FILE"]).write_text(json.dumps(word))
