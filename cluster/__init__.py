"""The AWS side and the local side of the platform."""
