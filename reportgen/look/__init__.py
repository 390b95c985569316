"""What several analyses share: opening a net and its images, finding its strongest activations, making pictures."""
