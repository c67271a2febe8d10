"""The sample tenant: a small web API and a worker, with switches to make them misbehave on purpose."""
