"""What several analyses share: a net and its images opened, its strongest activations, pictures."""
