"""Providers of metrics: one file each."""
