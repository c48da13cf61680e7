"""What a provider hears of changes: edits, broken edits, a daemon that is away, and one that comes late."""

import json
from urllib.request import urlopen

from program import check, order, run, until, write
from providers import Client, open_client

# Providers that are told of changes. The others ask each time.
TOLD = ["rpc", "in-process", "v1", "v1-in-process"]

# Providers that keep what was answered with STATIC, until they are told of a change.
WITH_CACHE = ["rpc", "v1"]


def flags(**variants):
    """Flags by name, each with the variant that it serves."""
    flag = {"state": "ENABLED", "variants": {"a": "A", "b": "B", "c": "C"}}
    return {"flags": {key: {**flag, "defaultVariant": variant} for key, variant in variants.items()}}


def refused(places):
    """Whether the file that the daemon saw last is one that it does not take."""
    with urlopen(f"http://localhost:{places['management']}/status") as answer:
        return json.load(answer)["sources"][0]["refused"] is not None


def main(provider, places):
    told = provider in TOLD
    # This client names all keys that there are, whatever changed.
    changed = ["added", "edited", "kept"] if provider == "v1-in-process" else None
    cache = {"cache": cached()} if provider in WITH_CACHE else {}

    def answers(client, **wanted):
        """Asks until it is so, where nothing tells a client that it may ask."""
        for key, answer in wanted.items():
            found = client.ask("string", key) if told else until(lambda: client.ask("string", key), answer)
            check(f"{key} is {answer}", found, answer)

    write(flags(edited="a", kept="b", removed="c"))
    order("start?config=own")
    client = open_client(provider, places, **cache)
    if told:
        client.next("READY")
    answers(client, edited='"A" STATIC a', kept='"B" STATIC b', removed='"C" STATIC c')
    if cache:
        answers(client, edited='"A" CACHED a', kept='"B" CACHED b', removed='"C" CACHED c')
    client.forget()

    # One event with what changed, and nothing else leaves the cache.
    write(flags(edited="b", kept="b", added="c"))
    if told:
        check("changed keys", client.next("CONFIGURATION_CHANGED"), changed or ["added", "edited", "removed"])
    answers(client, edited='"B" STATIC b', added='"C" STATIC c', removed="default FLAG_NOT_FOUND")
    answers(client, kept='"B" CACHED b' if cache else '"B" STATIC b')

    # Nobody hears of what the daemon refuses: the next event is that of the good edit.
    write('{"flags": {"edited": {"state": "ENABLED"')
    check("a broken edit is refused", until(lambda: refused(places), True), True)
    answers(client, edited='"B" CACHED b' if cache else '"B" STATIC b')
    write(flags(edited="c", kept="b", added="c"))
    if told:
        check("changed keys", client.next("CONFIGURATION_CHANGED"), changed or ["edited"])
    answers(client, edited='"C" STATIC c', kept='"B" CACHED b' if cache else '"B" STATIC b')

    # A daemon that is away, and comes back with other flags.
    client.forget()
    order("stop")
    if told:
        client.next("STALE")
        client.next("ERROR")
    if provider.endswith("in-process"):
        answers(client, edited='"C" STATIC c')
    if not told:
        answers(client, edited="default GENERAL")
    write(flags(edited="a", kept="b", added="c"))
    order("start?config=own")
    if told:
        client.next("READY")
        check("status", client.status, "READY")
    answers(client, edited='"A" STATIC a', kept='"B" STATIC b')

    # A provider that is there before its daemon.
    order("stop")
    late = Client(provider, places, **({"deadline_ms": 300} if told else {}))
    if told:
        late.next("ERROR")
        check("status", late.status, "ERROR")
    order("start?config=own")
    if told:
        late.next("READY")
        check("status", late.status, "READY")
    answers(late, edited='"A" STATIC a')


def cached():
    from openfeature.contrib.provider.flagd.config import CacheType

    return CacheType.LRU


run(main)
