"""Look inside a convolutional network the way Zeiler & Fergus (2013) did, and write down what was found."""

import os

# torch's waiting threads must not spin: on shared cores, spinning makes training ten times slower.
# torch reads this once, when it loads, so set it before any of our modules imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
