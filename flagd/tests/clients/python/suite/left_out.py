"""Counts the scenarios that are not run, by why: writes `left_out` with a line `COUNT REASON` for each reason."""

import collections
import os
from pathlib import Path

# The tags that the provider's tests leave out, over RPC or in process.
LEFT_OUT = ["targetURI", "unixsocket", "sync", "metadata", "deprecated", "fractional-v1", "fractional-v2", "fractional-v3"]

counts = collections.Counter()


def pytest_deselected(items):
    for item in items:
        tags = {marker.name for marker in item.iter_markers()}
        other = os.environ["RESOLVER"] not in tags
        reasons = ["for another resolver"] if other else [f"@{tag}" for tag in LEFT_OUT if tag in tags]
        counts[reasons[0] if reasons else "not asked for"] += 1


def pytest_collection_finish(session):
    # Every worker leaves the same ones out.
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        lines = [f"{count} {reason}\n" for reason, count in sorted(counts.items())]
        (Path(session.config.rootpath) / "left_out").write_text("".join(lines))
