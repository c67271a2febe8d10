"""The metrics every operator has; names and labels are an interface for dashboards and alerts.

Labels never carry object names, so that their number stays bounded.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

QUEUE_DEPTH = Gauge("automatrix_queue_depth", "Keys that wait, later ones included, or are worked on", ["queue"])
QUEUE_WAIT = Histogram("automatrix_queue_wait_seconds", "From due to begun", ["queue"], buckets=_SECONDS)
QUEUE_WORK = Histogram("automatrix_queue_work_seconds", "Work on one key", ["queue"], buckets=_SECONDS)
QUEUE_FAILURES = Counter("automatrix_queue_failures_total", "Work that ended in an error", ["queue", "error"])

API_REQUESTS = Counter("automatrix_api_requests_total", "Requests to the Kubernetes API", ["method", "code"])
WATCH_EVENTS = Counter("automatrix_watch_events_total", "Events of watches", ["kind"])
WATCH_RESTARTS = Counter("automatrix_watch_restarts_total", "Watches begun again, by why", ["kind", "reason"])
LEASE_HELD = Gauge("automatrix_lease_held", "1 while this process holds its Lease", ["lease"])
ACTIONS = Counter("automatrix_actions_total", "Actions executed", ["operator", "action", "outcome"])
