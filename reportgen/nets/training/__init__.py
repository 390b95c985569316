"""Training: the loop, its batches, its gradients."""
