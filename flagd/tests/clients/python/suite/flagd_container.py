"""Stands where the provider's tests look for their container: the daemon is run by our launcher.

`LAUNCHERS` holds the URLs of launchers, one for each worker of the test run.
"""

import json
import os
from pathlib import Path
from urllib.request import Request, urlopen

from openfeature.contrib.provider.flagd.config import ResolverType
from tests.e2e.step._utils import wait_for

# How often, and how long at most, the steps look whether a provider is ready: it may become so just after the first
# look, and two seconds for each scenario are a long time.
wait_for.__defaults__ = (0.02, 10)

# The ports of the suite's containers, by the names that our launcher has for ours.
PORTS = {8013: "evaluation", 8014: "management", 8015: "sync", 8016: "ofrep", 9212: "forbidden"}


class FlagdContainer:
    def __init__(self, feature=None, **_):
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        self._launcher = os.environ["LAUNCHERS"].split()[worker]
        with urlopen(self._launcher) as answer:
            self._places = json.load(answer)
        self.flagDir = Path(self._places["folder"]) / "flags"

    def get_port(self, resolver_type):
        return self.get_exposed_port(8013 if resolver_type == ResolverType.RPC else 8015)

    def get_exposed_port(self, port):
        return self._places[PORTS[port]]

    def get_launchpad_url(self):
        return f"{self._launcher}/suite"

    def start(self):
        if bucketing := os.environ.get("BUCKETING"):
            flags = json.loads((self.flagDir / "allFlags.json").read_text())
            self._order("write?file=allFlags.json", json.dumps({"bucketing": bucketing, **flags}).encode())
        self._order("start")
        return self

    def stop(self):
        self._order("stop")

    def _order(self, order, body=b""):
        urlopen(Request(f"{self._launcher}/{order}", data=body, method="POST")).close()
