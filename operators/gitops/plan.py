"""Decide what an Application needs next: pure."""
