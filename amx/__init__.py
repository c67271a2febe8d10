"""The command line: thin, calls cluster and operators."""
