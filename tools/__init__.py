"""What the Makefile calls: set-up, verification, checks of the documentation."""
