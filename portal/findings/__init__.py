"""Faults on record, and what the vendor does about them."""
