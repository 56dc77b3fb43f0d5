"""Errors of replica bundles."""

from __future__ import annotations


class ReplicaError(ValueError):
    """A replica bundle cannot be used; the message says which file and why."""
