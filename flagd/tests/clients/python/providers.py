"""Every provider by its name: how it is made, and one way to ask all of them."""

import json
import logging
import queue

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent
from program import PATIENCE_SECONDS, until

logging.disable(logging.CRITICAL)

# What callers want when there is nothing else.
DEFAULTS = {"boolean": True, "string": "of the caller", "integer": -7, "float": -7.5, "object": {"of": "the caller"}}

# Short enough for a test to see a restart, and long enough for a machine that is busy.
IMPATIENT = {"deadline_ms": 5000, "retry_backoff_ms": 100, "retry_backoff_max_ms": 200, "retry_grace_period": 1}


def _flagd(resolver, port):
    def make(places, **more):
        from openfeature.contrib.provider.flagd import FlagdProvider
        from openfeature.contrib.provider.flagd.config import CacheType, ResolverType

        if more.get("cache") != CacheType.LRU:
            more["cache"] = CacheType.DISABLED
        told = {"host": "localhost", "port": places[port], "resolver_type": ResolverType(resolver)}
        return FlagdProvider(**{**told, **IMPATIENT, **more})

    return make


def _schema(places, **more):
    from openfeature.contrib.provider.flagd import FlagdProvider

    return FlagdProvider(**{"host": "localhost", "port": places["evaluation"], **more})


def _ofrep(places, **more):
    from openfeature.contrib.provider.ofrep import OFREPProvider

    return OFREPProvider(**{"base_url": f"http://localhost:{places['ofrep']}", **more})


# `v1` is the release that speaks flagd.evaluation.v1, `schema` the one that speaks schema.v1.
MAKERS = {
    "rpc": _flagd("rpc", "evaluation"),
    "in-process": _flagd("in-process", "sync"),
    "ofrep": _ofrep,
    "v1": _flagd("rpc", "evaluation"),
    "v1-in-process": _flagd("in-process", "sync"),
    "schema": _schema,
}


class Client:
    """A client of a provider, and what happens to it. The provider may not be ready yet."""

    def __init__(self, name, places, **more):
        domain = f"{name} {more}"
        self._client = api.get_client(domain)
        self._events = queue.Queue()
        for event in ProviderEvent:
            self._client.add_handler(event, lambda details, event=event: self._events.put((event, details)))
        api.set_provider(MAKERS[name](places, **more), domain)

    def next(self, name):
        """The next event of a name, as the keys that it tells; those before it are dropped."""
        wanted = ProviderEvent[f"PROVIDER_{name}"]
        while True:
            event, details = self._events.get(timeout=PATIENCE_SECONDS)
            if event == wanted:
                return sorted(details.flags_changed or [])

    def forget(self):
        """Drops the events that came so far."""
        while not self._events.empty():
            self._events.get()

    @property
    def status(self):
        return self._client.get_provider_status().name

    def ready(self):
        until(lambda: self.status, "READY")
        return self

    def ask(self, type, key, target=None, context=None):
        """An answer in one line: value, error code or reason, variant. Without a variant, the caller's value is `default`."""
        detail = self._detail(type, key, EvaluationContext(target, context or {}))
        default = not detail.variant and detail.value == DEFAULTS[type]
        value = "default" if default else json.dumps(detail.value, ensure_ascii=False, sort_keys=True)
        why = detail.error_code or detail.reason
        return " ".join(filter(None, [value, getattr(why, "value", why), detail.variant]))

    def metadata(self, type, key):
        return dict(sorted(self._detail(type, key, None).flag_metadata.items()))

    def _detail(self, type, key, context):
        return getattr(self._client, f"get_{type}_details")(key, DEFAULTS[type], context)


def open_client(name, places, **more):
    """A client whose provider is ready."""
    return Client(name, places, **more).ready()
