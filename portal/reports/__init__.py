"""What both sides read about a submission: the result with its reasoning, the sealed answers, exports."""
