"""Volumes of real size on a local node: one sparse file with a loop-mounted XFS per claim.

The provisioner runs on every node (`python3 -m cluster.local.storage`) and serves the claims the scheduler put there.
Rooms: `models` (what is seen) · `observe` (API and disk in) · `plan` (pure) · `execute` (API and disk out) ·
`disk` (files, loop devices, file systems) · `api` (requests) · `manifests` (what `amx up` applies).
"""
