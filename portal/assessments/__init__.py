"""Issue, answer, submit, rate."""
