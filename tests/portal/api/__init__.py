"""API tokens and the REST API."""
