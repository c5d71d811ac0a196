"""What is due next, and who is reminded."""
