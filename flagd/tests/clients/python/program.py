"""A program that checks a client: what it prints, how it waits, what it tells its launcher."""

import json
import os
import sys
import time
import traceback
from urllib.request import Request, urlopen

PATIENCE_SECONDS = 30

LAUNCHER = os.environ["LAUNCHER"]


def check(name, found, wanted):
    """Says whether something is as it should be; `2` and `2.0` are not the same, nor are `True` and `1`."""
    same = repr(found) == repr(wanted)
    print(f"ok {name}" if same else f"not ok {name}: {found!r}, not {wanted!r}", flush=True)


def until(ask, wanted):
    """Asks again and again, for what no event tells; answers with what was found last."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (found := ask()) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    return found


def order(text, body=b""):
    """Gives the launcher an order, and waits until it is so."""
    urlopen(Request(f"{LAUNCHER}/{text}", data=body, method="POST")).close()


def write(flags):
    """Writes the flags that the configuration `own` serves."""
    text = flags if isinstance(flags, str) else json.dumps(flags)
    order("write?file=own.json", text.encode())


def run(main):
    """Runs a program with what was named on its command line, and with the launcher's places."""
    with urlopen(LAUNCHER) as answer:
        places = json.load(answer)
    status = 0
    try:
        main(sys.argv[1], places)
    except Exception:
        traceback.print_exc()
        status = 1
    # Not by the interpreter's own end, which waits for threads of the clients.
    sys.stdout.flush()
    os._exit(status)
