"""What a provider answers: every type, reason, error and kind of context."""

import datetime
import json
from pathlib import Path

from program import check, order, run, write
from providers import open_client

HOME = {"email": "jo@example.com"}
AWAY = {"email": "jo@example.org"}
DATE = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)

# Type, flag, targeting key, context; value, reason or error code, variant. `default` is what the caller gave.
CASES = [
    ("boolean", "true", None, {}, "true STATIC on"),
    ("string", "text", None, {}, r'"日本 <&> \"ü\"" STATIC a'),
    ("integer", "whole", None, {}, "10 STATIC ten"),
    ("integer", "large", None, {}, "9007199254740991 STATIC max"),
    ("float", "half", None, {}, "0.5 STATIC half"),
    ("float", "small", None, {}, "-1.5e-07 STATIC tiny"),
    ("float", "whole-float", None, {}, "2.0 STATIC two"),
    ("float", "whole", None, {}, "10.0 STATIC ten"),
    ("integer", "whole-float", None, {}, "2 STATIC two"),
    ("object", "object", None, {}, '{"deep": {"list": [1.0, "x", null, {"y": true}]}, "empty": {}} STATIC full'),
    ("boolean", "schlüssel mit leerzeichen", None, {}, "true STATIC on"),
    ("boolean", "path/like", None, {}, "true STATIC on"),
    ("boolean", "false", None, {}, "false STATIC zero"),
    ("string", "no-text", None, {}, '"" STATIC zero'),
    ("integer", "zero", None, {}, "0 STATIC zero"),
    ("float", "zero-float", None, {}, "0.0 STATIC zero"),
    ("object", "no-members", None, {}, "{} STATIC zero"),
    #
    ("string", "at-home", None, HOME, '"yes" TARGETING_MATCH yes'),
    ("string", "at-home", None, AWAY, '"no" DEFAULT no'),
    ("string", "at-home", None, {}, '"no" DEFAULT no'),
    ("boolean", "false-at-home", None, HOME, "false TARGETING_MATCH no"),
    ("string", "for-key", "jo", {}, '"yes" TARGETING_MATCH yes'),
    ("string", "for-key", "", {}, '"no" TARGETING_MATCH no'),
    ("string", "for-itself", None, {}, '"yes" TARGETING_MATCH yes'),
    ("string", "for-now", None, {}, '"yes" TARGETING_MATCH yes'),
    ("string", "injected", None, {}, '"yes" TARGETING_MATCH yes'),
    ("string", "injected", None, {"injectedmetadata": "of the caller"}, '"yes" TARGETING_MATCH yes'),
    ("string", "nested", None, {"user": {"plan": {"name": "pro"}, "paid": True}}, '"yes" TARGETING_MATCH yes'),
    ("string", "nested", None, {"user": {"plan": {"name": "pro"}, "paid": 1}}, '"no" TARGETING_MATCH no'),
    ("string", "listed", None, {"roles": ["user", "admin"]}, '"yes" TARGETING_MATCH yes'),
    ("string", "listed", None, {"roles": []}, '"no" TARGETING_MATCH no'),
    ("string", "counted", None, {"age": 30}, '"yes" TARGETING_MATCH yes'),
    ("string", "counted", None, {"age": 30.0}, '"yes" TARGETING_MATCH yes'),
    ("string", "counted", None, {"age": "30"}, '"no" TARGETING_MATCH no'),
    ("string", "dated", None, {"since": "2026-01-02T03:04:05.000Z"}, '"yes" TARGETING_MATCH yes'),
    ("string", "dated", None, {"since": DATE}, "default INVALID_CONTEXT"),
    ("string", "version", None, {"version": "v2.1.0"}, '"new" TARGETING_MATCH new'),
    ("string", "version", None, {"version": "2.1.0-beta"}, '"old" TARGETING_MATCH old'),
    ("string", "version", None, {"version": None}, '"old" TARGETING_MATCH old'),
    ("string", "split", "jo", {}, '"G" TARGETING_MATCH g'),
    ("string", "split", "c", {}, '"B" TARGETING_MATCH b'),
    ("string", "split", "jürgen", {}, '"G" TARGETING_MATCH g'),
    ("string", "split", "日本", {}, '"B" TARGETING_MATCH b'),
    ("string", "split", None, {}, '"R" DEFAULT r'),
    #
    ("boolean", "off", None, {}, "default DISABLED"),
    ("string", "off-text", None, {}, "default DISABLED"),
    ("integer", "off-whole", None, {}, "default DISABLED"),
    ("float", "off-half", None, {}, "default DISABLED"),
    ("object", "off-object", None, {}, "default DISABLED"),
    ("boolean", "null-default", None, {}, "default DEFAULT"),
    ("integer", "no-default", None, {}, "default DEFAULT"),
    ("string", "no-default-at-home", None, HOME, '"yes" TARGETING_MATCH yes'),
    ("string", "no-default-at-home", None, AWAY, "default DEFAULT"),
    #
    ("boolean", "missing", None, {}, "default FLAG_NOT_FOUND"),
    ("boolean", "", None, {}, "default FLAG_NOT_FOUND"),
    ("boolean", "text", None, {}, "default TYPE_MISMATCH"),
    ("string", "true", None, {}, "default TYPE_MISMATCH"),
    ("integer", "text", None, {}, "default TYPE_MISMATCH"),
    ("float", "text", None, {}, "default TYPE_MISMATCH"),
    ("integer", "half", None, {}, "0 STATIC half"),
    ("object", "whole", None, {}, "default TYPE_MISMATCH"),
    ("string", "object", None, {}, "default TYPE_MISMATCH"),
    ("string", "unknown-operator", None, {}, "default PARSE_ERROR"),
    ("string", "unknown-variant", None, {}, "default GENERAL"),
]

# What is told beside the answers: the flag's own, and that of its flag set.
METADATA = [
    ("boolean", "true", {"beta": True, "level": 1.5, "owner": "jo", "priority": 2, "team": "checkout"}),
    ("string", "text", {"priority": 2, "team": "checkout"}),
    ("boolean", "off", {"priority": 2, "team": "checkout"}),
]

# Where a generation of the protocol, or a client for itself, differs from the newest.

# The messages of RPC write each number of an object as a double; JSON has them as they are in the file.
AS_WRITTEN = {"object object": '{"deep": {"list": [1, "x", null, {"y": true}]}, "empty": {}} STATIC full'}

# The client drops it.
NO_METADATA = {"metadata of true": {}, "metadata of text": {}, "metadata of off": {}}

# The protocol before v2 had no way to leave a value out.
BEFORE_V2 = {
    "boolean off": "false DISABLED",
    "string off-text": '"" DISABLED',
    "integer off-whole": "0 DISABLED",
    "float off-half": "0.0 DISABLED",
    "object off-object": "{} DISABLED",
}
NOT_FOUND_WITHOUT_DEFAULT = {
    "boolean null-default": "default FLAG_NOT_FOUND",
    "integer no-default": "default FLAG_NOT_FOUND",
    'string no-default-at-home {"email": "jo@example.org"}': "default FLAG_NOT_FOUND",
}

# In process, clients have the buckets of their time. So has the daemon, if the flag file asks for them.
BUCKETS = {
    "v1": {
        "string split jo": '"B" TARGETING_MATCH b',
        "string split c": '"R" TARGETING_MATCH r',
        "string split jürgen": '"B" TARGETING_MATCH b',
        "string split 日本": '"R" TARGETING_MATCH r',
    },
    "v3": {
        "string split jo": '"R" TARGETING_MATCH r',
        "string split c": '"G" TARGETING_MATCH g',
        "string split jürgen": '"B" TARGETING_MATCH b',
        "string split 日本": '"G" TARGETING_MATCH g',
    },
}

IN_PROCESS = {
    **AS_WRITTEN,
    # The evaluator takes 1 for identical to true.
    'string nested {"user": {"plan": {"name": "pro"}, "paid": 1}}': '"yes" TARGETING_MATCH yes',
    # The evaluator compares a date with a text, which Python refuses.
    'string dated {"since": "2026-01-02 03:04:05+00:00"}': "default GENERAL",
    # The client wants an integer, where the daemon cuts the fraction off.
    "integer half": "default TYPE_MISMATCH",
}

EXCEPT = {
    "rpc": NO_METADATA,
    "in-process": {
        **IN_PROCESS,
        **BUCKETS["v3"],
    },
    "ofrep": {
        **AS_WRITTEN,
        # The client does not escape the key in the path; nor does a path without a key name a flag.
        "boolean path/like": "default FLAG_NOT_FOUND",
        "boolean ": "default GENERAL",
        # The client wants a fraction in each float, and none in an integer.
        "float whole": "default TYPE_MISMATCH",
        "float whole-float": "default TYPE_MISMATCH",
        "float zero-float": "default TYPE_MISMATCH",
        "integer half": "default TYPE_MISMATCH",
        # The client cannot write a date.
        'string dated {"since": "2026-01-02 03:04:05+00:00"}': "default GENERAL",
        # The client wants a variant in each answer.
        "boolean off": "default GENERAL",
        "string off-text": "default GENERAL",
        "integer off-whole": "default GENERAL",
        "float off-half": "default GENERAL",
        "object off-object": "default GENERAL",
        "boolean null-default": "default GENERAL",
        "integer no-default": "default GENERAL",
        'string no-default-at-home {"email": "jo@example.org"}': "default GENERAL",
        "metadata of off": {},
    },
    "v1": {**NO_METADATA, **BEFORE_V2, **NOT_FOUND_WITHOUT_DEFAULT},
    "v1-in-process": {
        **IN_PROCESS,
        **NOT_FOUND_WITHOUT_DEFAULT,
        **BUCKETS["v1"],
    },
    "schema": {
        **NO_METADATA,
        **BEFORE_V2,
        **NOT_FOUND_WITHOUT_DEFAULT,
        # The client hands out the protocol's message, which the SDK takes for no object.
        "object object": "default TYPE_MISMATCH",
        "object no-members": "default TYPE_MISMATCH",
        "object off-object": "default TYPE_MISMATCH",
    },
}


def main(provider, places):
    flags = (Path(__file__).parent / "flags.json").read_text()
    write(flags)
    order("start?config=own")
    client = open_client(provider, places)
    exceptions = dict(EXCEPT[provider])
    for type, key, target, context, wanted in CASES:
        asked = [type, key, *filter(None, [target]), *([json.dumps(context, default=str)] if context else [])]
        name = " ".join(asked)
        check(name, client.ask(type, key, target, context), exceptions.pop(name, wanted))
    for type, key, wanted in METADATA:
        name = f"metadata of {key}"
        check(name, client.metadata(type, key), exceptions.pop(name, wanted))
    check("every exception is one", exceptions, {})

    if provider == "rpc":
        for generation, buckets in BUCKETS.items():
            write({"bucketing": generation, **json.loads(flags)})
            client.next("CONFIGURATION_CHANGED")
            for name, wanted in buckets.items():
                type, key, target = name.split()
                check(f"{name} in {generation}", client.ask(type, key, target), wanted)


run(main)
