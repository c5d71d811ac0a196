"""Questionnaire versions: shipped, imported, released, looked up by hash."""
