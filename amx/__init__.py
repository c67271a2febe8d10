"""The command line: thin, calls cluster and operators.

`commands/` holds one module per group of commands, `demo/` the story that `amx demo` tells. Imports of the rooms
behind a command stand inside the command, so that `amx --help` answers at once.
"""
