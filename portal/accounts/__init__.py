"""People: passwords, sessions, resets."""
