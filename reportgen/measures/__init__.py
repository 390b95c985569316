"""Statistics of arrays, for the analyses: numpy, scipy and scikit-image, nothing of nets, runs or figures."""
