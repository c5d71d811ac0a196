"""Vendors, contacts, engagements and their facts."""
