"""Contract requirements that answers and facts call for."""
