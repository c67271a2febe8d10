"""The GitOps engine: serves Argo CD's Application."""
