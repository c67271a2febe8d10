"""The figures of the usage profiles: one row for each, the three environments side by side.

Each is (low, expected, high) in a month. Development is used by its makers in office hours, staging by tests and
rehearsals, production by customers: 30 million requests are some 12 a second on average.
"""

from __future__ import annotations

from cluster.usage.quantities import Figure

FIGURES: dict[str, Figure] = {
    "node_factor": Figure(
        "Karpenter follows the load: a quiet month, the specification's, and a busy one",
        (0.5, 1, 2), (0.7, 1, 1.5), (0.75, 1, 1.5),
    ),
    "balancer_lcu": Figure(
        "one unit is 25 new connections a second or 1 GB an hour; CloudFront keeps its connections open",
        (0.1, 0.2, 0.5), (0.2, 0.5, 1), (1, 2, 5),
    ),
    "requests_million": Figure(
        "1, 4 and 12 requests a second on average in production; elsewhere tests",
        (0.1, 0.3, 1), (0.3, 1, 3), (3, 30, 90),
    ),
    "api_million": Figure(
        "a third of all requests is for the API, the others are static files",
        (0.03, 0.1, 0.3), (0.1, 0.3, 1), (1, 10, 30),
    ),
    "cdn_gb": Figure("7 kB a request on average", (1, 2, 7), (2, 7, 20), (20, 200, 600)),
    "dns_million": Figure(
        "names beside aliases: proofs of certificates, and the load balancer's for CloudFront",
        (0.01, 0.05, 0.2), (0.02, 0.1, 0.5), (0.2, 1, 5),
    ),
    "nat_gb": Figure(
        "images from public registries, calls of other services, logs where there is no endpoint",
        (10, 30, 60), (20, 50, 150), (100, 210, 600),
    ),
    "internet_out_gb": Figure(
        "calls of model providers and webhooks; answers to customers leave through CloudFront",
        (1, 3, 10), (2, 5, 20), (10, 30, 100),
    ),
    "endpoint_gb": Figure(
        "image layers of the API's registry, logs, secrets; layers themselves come through the S3 gateway",
        (10, 30, 60), (20, 50, 150), (50, 150, 400),
    ),
    "cross_zone_gb": Figure(
        "pods call each other and the stores without regard to zones: two thirds of calls leave theirs",
        (5, 20, 50), (20, 50, 150), (100, 300, 1000),
    ),
    "database_change_gb_per_day": Figure(
        "one per cent of the database is new on a usual day",
        (0.02, 0.1, 0.3), (0.1, 0.2, 1), (0.5, 1, 5),
    ),
    "database_io_million": Figure(
        "reads that miss memory and writes: 1, 4 and 25 a second",
        (0.5, 2, 10), (2, 10, 30), (15, 60, 250),
    ),
    "cache_gb": Figure("what fits the node, not full", (0.1, 0.2, 0.3), (0.2, 0.5, 1), (0.5, 1, 2)),
    "images_gb": Figure("50 images that share most layers", (2, 5, 10), (2, 5, 10), (2, 5, 10)),
    "image_push_gb": Figure("what changes in two releases a day", (0.5, 2, 5), (0.5, 2, 5), (0.5, 2, 5)),
    "metrics": Figure(
        "only what alarms look at leaves the cluster; Prometheus keeps the rest",
        (10, 20, 40), (20, 40, 80), (40, 60, 200),
    ),
    "logs_query_gb": Figure("looking for causes", (1, 5, 20), (5, 20, 50), (20, 100, 500)),
    "secret_calls_10k": Figure("asked for every hour", (0.07, 0.08, 0.2), (0.07, 0.08, 0.2), (0.07, 0.1, 0.5)),
    "key_requests_10k": Figure(
        "bucket keys and caches keep them few; queues ask every five minutes",
        (0.5, 1, 5), (1, 3, 10), (5, 15, 50),
    ),
    "notifications_10k": Figure("alarms, and when they end", (0, 0.01, 0.1), (0, 0.01, 0.1), (0, 0.02, 0.2)),
    "config_items": Figure(
        "each of some 400 resources changes once or twice; nodes and their interfaces every day",
        (200, 500, 2000), (300, 800, 3000), (800, 2500, 8000),
    ),
    "posture_checks": Figure(
        "some 250 checks of the foundational standard, daily, for a few resources each",
        (5000, 10000, 20000), (5000, 10000, 20000), (10000, 20000, 40000),
    ),
    "trail_million": Figure("controllers ask AWS all day", (0.1, 0.3, 1), (0.2, 0.5, 1.5), (0.5, 1, 3)),
    "flow_gb": Figure("some 1 GB for each 30 GB that is moved", (0.5, 1, 3), (1, 3, 10), (5, 15, 50)),
}  # fmt: skip

LOGS: dict[str, Figure] = {
    "services": Figure("what services say at level info", (0.5, 2, 5), (2, 5, 15), (5, 20, 60)),
    "audit": Figure("who did what in the hub", (0.05, 0.1, 0.3), (0.1, 0.2, 0.5), (0.3, 1, 3)),
    "requests": Figure("0.5 kB for each request of the API", (0.02, 0.05, 0.15), (0.05, 0.15, 0.5), (0.5, 5, 15)),
    "flow-logs": Figure("refused traffic; in production all of it", (0.1, 0.3, 1), (0.2, 0.5, 2), (5, 15, 50)),
    "trail": Figure("1.5 kB a management event", (0.15, 0.5, 1.5), (0.3, 0.8, 2.3), (0.8, 1.5, 4.5)),
    "control-plane": Figure("all five kinds; audit is most of it", (1, 2, 5), (2, 4, 10), (5, 12, 30)),
    "database": Figure("connections and slow statements", (0.1, 0.2, 0.5), (0.2, 0.5, 2), (1, 4, 10)),
    "database-secondary": Figure("nothing runs there until it takes over", (0, 0, 0), (0, 0, 0), (0, 0, 1)),
    "firewall-cdn": Figure("1.2 kB a request", (0.1, 0.4, 1.2), (0.4, 1.2, 3.6), (3.6, 36, 108)),
    "firewall-balancer": Figure("1.2 kB a request of the API", (0, 0.1, 0.4), (0.1, 0.4, 1.2), (1.2, 12, 36)),
    "cdn": Figure("0.6 kB a request", (0.1, 0.2, 0.6), (0.2, 0.6, 1.8), (1.8, 18, 54)),
}
"""GB that a log group takes in."""

QUEUES: dict[str, Figure] = {
    "jobs": Figure("each job four requests, and a worker asks every 20 s", (0.2, 0.3, 1), (0.3, 0.6, 2), (2, 6, 20)),
    "jobs-dead": Figure("looked at when its alarm says so", (0, 0, 0.01), (0, 0, 0.01), (0, 0, 0.01)),
    "interruptions": Figure("Karpenter asks every 20 s", (0.13, 0.15, 0.3), (0.13, 0.15, 0.3), (0.13, 0.2, 0.4)),
    "interruptions-dead": Figure("looked at when its alarm says so", (0, 0, 0.01), (0, 0, 0.01), (0, 0, 0.01)),
}
"""Millions of requests."""

BUCKETS: dict[str, tuple[Figure, Figure, Figure]] = {
    "assets": (
        Figure("static files and their old versions", (0.5, 1, 2), (0.5, 1, 2), (1, 2, 5)),
        Figure("two releases a day", (1, 5, 10), (1, 5, 10), (1, 5, 10)),
        Figure("what CloudFront does not have: one per cent of requests", (1, 3, 10), (3, 10, 30), (30, 300, 900)),
    ),
    "uploads": (
        Figure("documents of customers", (1, 2, 5), (2, 5, 20), (20, 100, 400)),
        Figure("one for each document and its parts", (1, 5, 20), (5, 20, 50), (50, 200, 1000)),
        Figure("ten for each document", (5, 20, 100), (20, 100, 500), (500, 2000, 10000)),
    ),
    "access-logs": (
        Figure(
            "0.5 kB a request of the API, for as long as they are kept", (0.1, 0.1, 0.2), (0.1, 0.1, 0.5), (0.5, 5, 15)
        ),
        Figure("a file every five minutes and zone", (26, 26, 26), (26, 26, 26), (26, 26, 26)),
        Figure("read when something is looked for", (0, 1, 5), (0, 1, 5), (0, 5, 20)),
    ),
    "audit": (
        Figure(
            "the trail and what Config delivers, for as long as they are kept", (0.2, 0.5, 2), (0.5, 1, 4), (2, 5, 20)
        ),
        Figure("a file every five minutes and Region", (20, 50, 100), (20, 50, 100), (50, 100, 200)),
        Figure("read when something is looked for", (0, 1, 5), (0, 1, 5), (0, 5, 20)),
    ),
}
"""GB, thousands of writing requests, thousands of reading ones."""
