"""The dead man's switch: returns all requests to stable when the operator has gone silent in mid-shift.

`decide` (pure): is the operator silent, what is to be done about one Canary. `patrol` (IO): looks, patches, tells.
A process of its own with a Lease of its own, so that whatever ends the operator leaves this at work.
"""
