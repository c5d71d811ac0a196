"""A short questionnaire to many vendors at once: whom, by when, how far they are, and what they said."""
