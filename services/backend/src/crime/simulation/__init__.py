"""The simulated city (`crime twin`)."""
