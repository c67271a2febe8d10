"""Views of the resource graph: pure functions that read it and say one thing about it each."""
