"""The Application resource, with the names and meanings of Argo CD."""
