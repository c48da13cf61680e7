"""Feature flags in Python on the C library, by ctypes alone. Give it the library and a flag file, then edit the file:
    python3 sdk-ffi/examples/host.py target/release/libflagcore_ffi.so sdk-ffi/examples/flags.json
It prints every flag, and again after each change, until its input ends (Ctrl-D)."""
import ctypes, json, select, sys
from ctypes import byref, c_bool, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p, sizeof

ABI_VERSION, TYPE_ANY, TYPE_OBJECT = 0 << 16 | 1, 0, 5

class Text(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("length", c_size_t)]
    def get(self):  # a copy: what stands there is only lent
        return ctypes.string_at(self.data, self.length).decode() if self.data else None

class Value(ctypes.Structure):
    _fields_ = [("type", c_int32), ("boolean", c_bool), ("integer", c_int64), ("number", c_double), ("text", Text)]
    def get(self):  # by its type; objects and lists are JSON
        text = self.text.get()
        plain = (None, self.boolean, text, self.integer, self.number)
        return json.loads(text) if self.type >= TYPE_OBJECT else plain[self.type]

class Member(ctypes.Structure):
    _fields_ = [("name", Text), ("value", Value)]

class Detail(ctypes.Structure):
    _fields_ = [("struct_size", c_size_t), ("value", Value), ("variant", Text), ("reason", c_int32), ("error_code", c_int32),
                ("marks", c_uint32), ("reserved", c_uint32), ("metadata", ctypes.POINTER(Member)),
                ("metadata_count", c_size_t), ("error_message", Text), ("revision", c_uint64)]

KINDS = {bool: ("bool", c_bool), int: ("integer", c_int64), float: ("float", c_double),
         str: ("string", Text), dict: ("object", Text)}

class Flags:
    """A client with one reader and one context: for one thread at a time."""
    def __init__(self, library, path):
        self.library = ctypes.CDLL(library)
        self.library.flagcore_reason_text.restype = ctypes.c_char_p
        self.client, self.reader, self.context = c_void_p(), c_void_p(), c_void_p()
        sizes = map(sizeof, (Text, Value, Member, Detail))
        self.call("abi_check", c_uint32(ABI_VERSION), (c_size_t * 4)(*sizes), c_size_t(4))
        self.call("client_open", path, byref(self.client), None)
        self.call("reader_new", self.client, byref(self.reader))
        self.call("context_new", byref(self.context))

    def call(self, function, *arguments):  # a str becomes two arguments: pointer and length
        lent = ([it.encode(), c_size_t(len(it.encode()))] if isinstance(it, str) else [it] for it in arguments)
        if getattr(self.library, "flagcore_" + function)(*sum(lent, [])) != 0:
            self.library.flagcore_last_error(byref(why := Text()))
            raise RuntimeError(why.get())

    def user(self, **attributes):
        self.call("context_clear", self.context)
        for name, value in attributes.items():
            self.set(name, value)

    def set(self, name, value):
        if not isinstance(value, (dict, list)):
            kind, made = KINDS[type(value)]
            return self.call("context_set_" + kind, self.context, name, value if made is Text else made(value))
        is_list = isinstance(value, list)  # whose items have no name
        self.call("context_open_list" if is_list else "context_open_object", self.context, name)
        for member in value:
            self.set(*(("", member) if is_list else (member, value[member])))
        self.call("context_close", self.context)

    def get(self, key, fallback):  # of the fallback's type
        kind, made = KINDS[type(fallback)]
        given = [None, c_size_t(0)] if made is Text else [made(fallback)]
        self.call(f"reader_get_{kind}_by_key", self.reader, key, self.context, *given, byref(out := made()))
        found = out.get() if made is Text else out.value
        return fallback if found is None else json.loads(found) if kind == "object" else found

    def detail(self, key):
        it = Detail(struct_size=sizeof(Detail))
        self.call("reader_detail_by_key", self.reader, key, c_int32(TYPE_ANY), self.context, byref(it))
        reason = self.library.flagcore_reason_text(it.reason).decode()
        metadata = {member.name.get(): member.value.get() for member in it.metadata[:it.metadata_count]}
        return it.value.get(), it.variant.get(), reason, it.error_message.get(), metadata

    def revision(self):
        self.call("reader_revision", self.reader, byref(number := c_uint64()))
        return number.value

    def close(self):
        for kind in ("reader", "context", "client"): self.call(kind + "_free", getattr(self, kind))

if __name__ == "__main__":
    try:
        Flags(sys.argv[1], "no-such-file.json")
    except RuntimeError as error:
        print("refused:", error)
    flags, seen = Flags(*sys.argv[1:]), None
    flags.user(targetingKey="user-1", plan="pro", age=42, score=0.5, is_staff=False, screen={"width": 1920, "pixels": [1, 2.5]})
    asked = {"checkout": False, "banner": "", "page-size": 10, "discount": 0.0, "layout": {}, "lost": 7}
    while True:
        if seen != (seen := flags.revision()):
            for key, fallback in asked.items():
                print(json.dumps([key, flags.get(key, fallback), *flags.detail(key)]), flush=True)
        if select.select([sys.stdin], [], [], 0.02)[0]: break  # a service would look once per request
    flags.close()
