"""Tenants: organisations, companies, members, invitations, settings."""
