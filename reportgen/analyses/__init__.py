"""One module for each figure or table of the paper; `reportgen.registry` lists them.

Each has ``Settings``, ``Result``, ``compute(inputs, settings, rng)``, ``judge(result, rng)``, ``numbers(result)`` and
``figures(result)``. Importing one does not import torch: the probe loads it when it is first used.
"""
