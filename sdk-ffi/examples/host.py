"""Flags in Python, by nothing but the standard library: python3 host.py [FLAG FILE] [libflagcore.so.0]

What a binding does, in small: declare the functions, keep handles as integers, turn texts into strings at once.
"""
import ctypes as c
import json
import sys


class Text(c.Structure):
    _fields_ = [("data", c.c_void_p), ("length", c.c_size_t)]

    def __str__(self):
        return c.string_at(self.data, self.length).decode() if self.data else ""


class Value(c.Structure):
    _fields_ = [("type", c.c_int32), ("boolean", c.c_bool), ("integer", c.c_int64), ("number", c.c_double), ("text", Text)]

    def get(self, fallback):
        read = [lambda: fallback, lambda: self.boolean, lambda: str(self.text), lambda: self.integer, lambda: self.number]
        return read[self.type]() if self.type < 5 else json.loads(str(self.text))


class Member(c.Structure):
    _fields_ = [("name", Text), ("value", Value)]


class Detail(c.Structure):
    _fields_ = [("struct_size", c.c_size_t), ("value", Value), ("variant", Text), ("reason", c.c_int32),
                ("error_code", c.c_int32), ("marks", c.c_uint32), ("reserved", c.c_uint32), ("metadata", c.POINTER(Member)),
                ("metadata_count", c.c_size_t), ("error_message", Text), ("revision", c.c_uint64)]


class Flags:
    """A client with one reader: for one thread."""

    def __init__(self, path, library="libflagcore.so.0"):
        self.lib = c.CDLL(library)
        self.lib.flagcore_reason_text.restype = c.c_char_p
        self.lib.flagcore_status_text.restype = c.c_char_p
        sizes = (c.c_size_t * 4)(*map(c.sizeof, (Text, Value, Member, Detail)))
        self._call("abi_check", c.c_uint32(self.lib.flagcore_abi_version()), sizes, c.c_size_t(4))
        self.client, self.reader, self.context = c.c_void_p(), c.c_void_p(), c.c_void_p()
        error = c.c_void_p()
        if self.lib.flagcore_client_open(*self._text(path), c.byref(self.client), c.byref(error)) != 0:
            why = Text()
            self._call("error_message", error, c.byref(why))
            message = str(why)
            self._call("error_free", error)
            raise ValueError(message)
        self._call("reader_new", self.client, c.byref(self.reader))
        self._call("context_new", c.byref(self.context))

    def detail(self, key, context, fallback):
        """Value, variant, reason and metadata of a flag; the value is the fallback where there is none."""
        kind = {bool: 1, str: 2, int: 3, float: 4, dict: 5}.get(type(fallback), 0)
        out = Detail(struct_size=c.sizeof(Detail))
        self._call("context_clear", self.context)
        self._call("context_add_json", self.context, *self._text(json.dumps(context)))
        self._call("reader_detail_by_key", self.reader, *self._text(key), c.c_int32(kind), self.context, c.byref(out))
        metadata = {str(it.name): it.value.get(None) for it in out.metadata[: out.metadata_count]}
        reason = self.lib.flagcore_reason_text(out.reason).decode()
        return out.value.get(fallback), str(out.variant), reason, metadata

    def get(self, key, context, fallback):
        return self.detail(key, context, fallback)[0]

    def close(self):
        for kind, handle in (("context", self.context), ("reader", self.reader), ("client", self.client)):
            self._call(f"{kind}_free", handle)

    def _call(self, name, *arguments):
        status = getattr(self.lib, f"flagcore_{name}")(*arguments)
        if status != 0:
            raise RuntimeError(f"flagcore_{name}: {self.lib.flagcore_status_text(status).decode()}")

    @staticmethod
    def _text(text):
        data = text.encode()
        return c.c_char_p(data), c.c_size_t(len(data))


if __name__ == "__main__":
    flags = Flags(*sys.argv[1:3] or ["flags/quickstart.flagd.json"])
    jane = {"targetingKey": "user-1", "email": "jane@example.com"}
    print("checkout for jane:", flags.detail("checkout", jane, False))
    print("checkout for joe:", flags.get("checkout", {"targetingKey": "user-2"}, False))
    print("a flag that is not there:", flags.get("no-such-flag", jane, "my own"))
    flags.close()
    try:
        Flags("no/such/file.json", *sys.argv[2:3])
    except ValueError as error:
        print("refused:", error)
