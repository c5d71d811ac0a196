"""Retention, redaction and offboarding: the one path by which values, salts and files are destroyed (law 6)."""
