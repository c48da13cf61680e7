"""Puts long scenarios first, and counts those that are not run: `left_out` has a line `COUNT REASON` for each reason."""

import collections
import os
from pathlib import Path

import pytest

# The tags that the provider's tests leave out, over RPC or in process.
LEFT_OUT = ["targetURI", "unixsocket", "sync", "metadata", "deprecated", "fractional-v1", "fractional-v2", "fractional-v3"]

# What scenarios have that wait for a daemon which is away; the longest of them first.
LONG = ["events", "reconnect", "grace", "caching"]

counts = collections.Counter()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: [tag not in tags(item) for tag in LONG])


def tags(item):
    return {marker.name for marker in item.iter_markers()}


def pytest_deselected(items):
    for item in items:
        other = os.environ["RESOLVER"] not in tags(item)
        reasons = ["for another resolver"] if other else [f"@{tag}" for tag in LEFT_OUT if tag in tags(item)]
        counts[reasons[0] if reasons else "not asked for"] += 1


def pytest_collection_finish(session):
    # Every worker leaves the same ones out.
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        lines = [f"{count} {reason}\n" for reason, count in sorted(counts.items())]
        (Path(session.config.rootpath) / "left_out").write_text("".join(lines))
