"""The operators; every one has the same rooms (ARCHITECTURE.md)."""
