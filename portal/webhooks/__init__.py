"""Webhooks: whoever an organisation names hears of its events, by ids and codes alone, signed."""
