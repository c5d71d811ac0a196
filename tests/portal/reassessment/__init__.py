"""Tests of the schedule and its reminders."""
