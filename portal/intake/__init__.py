"""Opening an engagement by the intake questionnaire: its band is the tier, with the reasons."""
