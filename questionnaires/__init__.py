"""The domain of questionnaires: definitions, conditions, scoring, requirements. Standard library only."""
