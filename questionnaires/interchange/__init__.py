"""Foreign formats, in and out: one reader each, imported only when it is asked for."""
