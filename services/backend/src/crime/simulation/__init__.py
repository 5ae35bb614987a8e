"""A simulated city whose true distribution is known (`crime twin`)."""
