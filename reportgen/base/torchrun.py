"""What torchrun tells a process that it starts, and how such a process ends. Nothing here imports torch."""

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
    """This process's number among those that torchrun started on this machine, and the number of its GPU."""
    return int(os.environ["LOCAL_RANK"])


def leave() -> NoReturn:
    """End this process, whose work is done and written, without shutting the interpreter down.

    If one of torch's threads releases a Python object during the shutdown, the process ends with SIGABRT (now and then,
    after a batch did not fit into memory), and a complete run would count as failed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def end_with(parent: int) -> None:
    """End this process when its parent is gone: a torchrun killed with -9 cannot end its processes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
