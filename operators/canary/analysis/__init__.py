"""Evidence and verdicts: pure statistics over counts."""
