"""Statistics of arrays, for the analyses: numpy and scipy, nothing of nets, runs or figures."""
