"""The domain of questionnaires: definitions, conditions, scoring, contract requirements. Standard library only."""
