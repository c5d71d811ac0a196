"""The record of what happened: a closed catalogue of events."""
