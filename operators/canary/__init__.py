"""The canary operator: releases that move while they are provably fine and come back as soon as harm is certain.

`models` (spec and status) · `observe` (IO in → `Seen`) · `plan` (pure) · `execute` (IO out) · `handlers` (kopf wiring).
`analysis/` judges evidence and is pure; `metrics/` reads counts, one file a provider; `routers/` knows what each
gateway can do and confirms what it does.
"""
