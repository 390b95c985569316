"""What torchrun told this process, where it started it; and how such a process ends. Nothing here imports torch."""

import os
import sys
import threading
import time
from typing import NoReturn


def started() -> bool:
    """Whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def size() -> int:
    """How many processes torchrun started, on all machines."""
    return int(os.environ["WORLD_SIZE"])


def rank() -> int:
    """This process's number among those that torchrun started, on all machines."""
    return int(os.environ["RANK"])


def local_rank() -> int:
    """This process's number among those that torchrun started on this machine: it uses the GPU of that number."""
    return int(os.environ["LOCAL_RANK"])


def leave() -> NoReturn:
    """End this process, whose work is done and written.

    The interpreter is not wound down: a thread of torch's that meanwhile lets go of a Python object ends the process with
    SIGABRT (now and then, where a batch had not fitted into memory), and a run that is complete would count as failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_with(parent: int) -> None:
    """End this process when the one that started it is gone: killed with -9, torchrun can end nobody."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
