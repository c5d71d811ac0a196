"""The gate: what the rules propose for an engagement, what a person decided, and whether that still holds."""
