"""How a provider reaches its daemon, and what it asks of it: TLS, unix sockets, selectors."""

import os

from program import check, order, run
from providers import Client, open_client

HERE = "true STATIC on"
NOT_HERE = "default FLAG_NOT_FOUND"

# Selector; what `selector-flag` and `boolean-flag` are with it, of which one is in the flag set `selector-set`.
SELECTORS = [
    (None, '"foo" STATIC foo', HERE),
    ("flagSetId=selector-set", '"foo" STATIC foo', NOT_HERE),
    ("source=rawflags/selector-flags.json", '"foo" STATIC foo', NOT_HERE),
    ("rawflags/selector-flags.json", '"foo" STATIC foo', NOT_HERE),
    ("flags/allFlags.json", NOT_HERE, HERE),
    ("flagSetId=nobody", NOT_HERE, NOT_HERE),
]

# Clients of that time send a selector with sync streams only.
WITHOUT_SELECTORS = ["v1", "schema"]


def main(provider, places):
    # The client of schema.v1 cannot open a channel with TLS: it leaves out the credentials.
    if provider != "schema":
        over_tls(provider, places)
    if provider != "ofrep":
        by_socket(provider, places)
    if provider not in WITHOUT_SELECTORS:
        with_selectors(provider, places)


def over_tls(provider, places):
    order("start?config=ssl-everywhere")
    if provider == "ofrep":
        # This client trusts what the environment names.
        client = open_client(provider, places, base_url=f"https://localhost:{places['ofrep']}")
        check("over TLS", client.ask("boolean", "boolean-flag"), HERE)
        client = open_client(provider, places)
        check("plain to a port of TLS", client.ask("boolean", "boolean-flag"), "default GENERAL")
        return
    client = open_client(provider, places, tls=True, cert_path=places["authority"])
    check("over TLS", client.ask("boolean", "boolean-flag"), HERE)
    for name, told in [("plain to a port of TLS", {}), ("to an authority that is not trusted", {"tls": True})]:
        client = Client(provider, places, deadline_ms=300, **told)
        client.next("ERROR")
        # In process, there are no flags yet.
        wanted = NOT_HERE if "in-process" in provider else "default GENERAL"
        check(name, client.ask("boolean", "boolean-flag"), wanted)


def by_socket(provider, places):
    """The client has no option for a socket, but gRPC takes what it makes of host and port for one's path."""
    order("start?config=sockets")
    socket, port = places["sync_socket" if "in-process" in provider else "socket"], 1
    os.symlink(socket, f"{socket}:{port}")
    client = open_client(provider, places, host=f"unix:{socket}", port=port)
    check("by a socket", client.ask("boolean", "boolean-flag"), HERE)


def with_selectors(provider, places):
    order("start?config=default")
    for selector, of_set, of_others in SELECTORS:
        if selector is None:
            told = {}
        elif provider == "ofrep":
            told = {"headers_factory": lambda selector=selector: {"Flagd-Selector": selector}}
        else:
            told = {"selector": selector}
        client = open_client(provider, places, **told)
        check(f"selector-flag with {selector}", client.ask("string", "selector-flag"), of_set)
        check(f"boolean-flag with {selector}", client.ask("boolean", "boolean-flag"), of_others)


run(main)
