"""Look inside a convolutional network the way Zeiler & Fergus (2013) did, and write down what was found."""

import os

# Threads of torch that wait must not spin: where the cores are shared, spinning makes training ten times slower.
# Read once, when torch is loaded, so it is said before anything of ours imports it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
