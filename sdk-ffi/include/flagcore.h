/*
 * flagcore: feature flags, evaluated inside of your program in tens of nanoseconds.
 *
 * This header is the manual. Read the chapters once; each function then says only what is particular about it.
 *
 *     flagcore_client *client;
 *     flagcore_error *error;
 *     if (flagcore_client_open(FLAGCORE_TEXT("flags/"), &client, &error) != FLAGCORE_OK) {
 *         flagcore_text why = {"", 0};
 *         flagcore_error_message(error, &why);
 *         fprintf(stderr, "%.*s\n", FLAGCORE_PRINT(why));
 *         flagcore_error_free(error);
 *         return 1;
 *     }
 *     flagcore_flag checkout;                                      // once: the flag of a key
 *     flagcore_client_flag(client, FLAGCORE_TEXT("checkout"), &checkout);
 *
 *     flagcore_reader *reader;                                     // one per thread
 *     flagcore_reader_new(client, &reader);
 *     flagcore_context *user;                                      // reused, request after request
 *     flagcore_context_new(&user);
 *
 *     flagcore_context_clear(user);
 *     flagcore_context_set_targeting_key(user, FLAGCORE_TEXT("user-1"));
 *     flagcore_context_set_string(user, FLAGCORE_TEXT("plan"), FLAGCORE_TEXT("pro"));
 *     if (flagcore_reader_is_enabled(reader, checkout, user)) {
 *         // the new checkout
 *     }
 *
 *
 * 1. CALLS
 *
 * Every function returns a flagcore_status unless it says otherwise: 0 is FLAGCORE_OK, anything else is an error of the
 * caller's or of the system's, never an answer. Outputs are written on success only: what you put there before is still
 * there after an error. flagcore_last_error() has a sentence about the last failure of the calling thread, with the
 * function's and the argument's name.
 *
 * An evaluation does not fail because of a flag. A flag that is missing, disabled, of another type, or whose rule cannot
 * be applied gives your own fallback, with FLAGCORE_OK; a detail tells reason and error code.
 *
 * The first argument is the thing acted on; then inputs, then outputs. No argument may be NULL unless it says so.
 * Nothing throws, nothing calls abort or exit, nothing writes to stdout; a panic, which is a bug of this library, ends as
 * FLAGCORE_ERROR_INTERNAL, and leaves a line on stderr. Nothing touches errno on purpose, or installs a signal handler.
 * Loading the library starts no thread and reads no file; flagcore_client_new() does, unless told not to watch.
 *
 *
 * 2. TEXT
 *
 * All text is UTF-8, given as pointer and length in bytes, without a NUL at the end; it may hold NULs. Text that you
 * give is read during the call and not kept. NULL is not a text, not even with length 0; pass "" and 0 for the empty one.
 * Text that you get (flagcore_text) is borrowed; see the next chapter. data is NULL only where there is no text at all.
 * Paths are the system's own bytes on Unix, UTF-8 elsewhere.
 *
 *
 * 3. LIFETIMES
 *
 * Whoever gets a handle from a function owes one _free for it. _free(NULL) does nothing. The order does not matter: a
 * reader goes on with the last flags when its client is gone, a context and results stand alone.
 *
 *   text from ...          lives until ...
 *   flagcore_reader_...    the reader moves on to a newer snapshot, which any call with that reader may do; between
 *                          flagcore_reader_hold and _release it stays with one. The text that says so ("until the next
 *                          call") lives until the next call with that reader, held or not.
 *   flagcore_results_at    the results are filled again or freed
 *   flagcore_error_...     the error is freed
 *   flagcore_sources_...   the sources are freed
 *   flagcore_report_text   the report is freed
 *   flagcore_ticket_...    the ticket is freed
 *   flagcore_last_error    the next call of the same thread that fails
 *   an update              the callback returns
 *   _version, _text        for ever
 *
 * A fallback that you get back is your own pointer. Copy what must live longer. Within one revision the same variant,
 * text or object of a reader is at the same address, as long as the reader lives, so a binding can remember for each
 * reader what it made of them by revision and pointer. That holds for what _get_..., _detail and _detail_by_key give; not
 * for messages, for results, or for what was asked through a selector.
 *
 *
 * 4. THREADS
 *
 * A parameter that is `const` may be used by any number of threads at once; one that is not, by one thread at a time
 * (not always the same one: hand handles over as you like, with whatever your language has for handing things over).
 *
 *   flagcore_client    any thread, any time. Freeing it is safe while other threads are in a call with it.
 *   flagcore_flag      a number: copy it, share it, never free it.
 *   flagcore_reader    one thread at a time. Make one per thread, or keep a pool.
 *   flagcore_context   built by one thread at a time; any number may evaluate with it while nobody changes it.
 *   flagcore_results   filled by one thread at a time, read by any number.
 *   flagcore_options, flagcore_error, flagcore_sources, flagcore_report    likewise.
 *   flagcore_launch    any thread, any time, but for freeing it.
 *   flagcore_ticket    any thread, any time. Freeing it is safe while other threads are in a call with it.
 *
 * Evaluating takes no lock and waits for nobody. Updates run on a thread of the client's, and wait for nobody either.
 * Functions that may take a lock, read files or wait say so. None may be called from a signal handler.
 *
 *
 * 5. HANDLES
 *
 * A handle is a number in the shape of a pointer: never an address, never to be followed, below 2^53. It is looked up at
 * each call, so these are told, always, and touch no freed memory:
 *
 *   FLAGCORE_ERROR_INVALID_HANDLE  freed before (also twice), or anything that is no handle
 *   FLAGCORE_ERROR_WRONG_HANDLE    a handle of another type
 *   FLAGCORE_ERROR_FOREIGN_FLAG    a flag of another client than the reader's
 *
 * Two threads that use one reader at once, or change one context, corrupt memory. FLAGCORE_ERROR_IN_USE tells of it mostly,
 * to find the mistake by; it does not prevent it: the path has no lock. What cannot be detected at all: a handle that one thread frees while another one is in a call with it
 * (clients and tickets excepted), and a pointer or length of yours that is wrong. An old handle could be mistaken for a new one of
 * its type after 16 million more of them were made in the same place.
 *
 *
 * 6. FORK
 *
 * In the child of fork() nobody keeps a client of the parent's up to its files, and a lock may be held for ever by a
 * thread that does not exist. So in the child: evaluating goes on, with the flags of that moment;
 * flagcore_client_state() says FLAGCORE_STATE_FORKED, and details carry FLAGCORE_MARK_FORKED; whatever would lock says
 * FLAGCORE_ERROR_FORKED in place of hanging; freeing the client returns at once and leaves its memory to the end of the
 * process. To have flags kept up in the child, open a client there. Only forks through the C library are noticed,
 * not a bare clone system call.
 *
 *
 * 7. COSTS
 *
 * Asking a reader by flag with a context that is built costs some nanoseconds more than the rule itself: no lock, no
 * allocation, no clock, no log line. By key adds one look-up and a check that the key is UTF-8. A detail adds the writing of its
 * structure; the first time that a flag with metadata, or an object, is seen in a snapshot, its members or its JSON are
 * made and kept. Setting a scalar attribute copies its name and text into memory that the context keeps, and allocates
 * nothing once that has grown; objects and lists inside of a context allocate.
 *
 *
 * 8. VERSIONS
 *
 * Numbers are never changed or used again; functions are never removed within one FLAGCORE_ABI_MAJOR, which is the
 * number in the library's SONAME. Structures that you hand in for an output begin with their size, and may grow at their
 * end; set struct_size to sizeof before the call, the rest need not be initialised. flagcore_check() tells whether what you compiled with fits what you run with.
 * Be ready for numbers that you do not know in reasons, error codes, states, updates and marks.
 *
 *
 * 9. DARK LAUNCHES
 *
 * The new code gets real traffic, and nobody sees what it answers. Today's code, the control, goes on answering; the
 * new code, the candidate, runs beside it with the same input, on other threads or in another process, and what it
 * answers is compared and thrown away. The `shadow` block of a flag says how much traffic it gets, who is sampled,
 * within which limits and by which rules answers are compared, and can be edited while the program runs. You run the
 * candidate; the library decides, limits, stops and counts.
 *
 *     flagcore_launch *launch;                                     // once
 *     flagcore_client_launch(client, FLAGCORE_TEXT("search"), &launch);
 *
 *     flagcore_ticket *ticket;                                     // each call
 *     flagcore_launch_begin(launch, user, &ticket);
 *     answer = old_search(query);
 *     if (ticket != NULL) {
 *         flagcore_ticket_control(ticket, took_ns);
 *         hand_over(ticket, query, answer);                        // to a thread of yours; never wait for it
 *     }
 *     return answer;                                               // always
 *
 *     for (copy = 1; copy <= flagcore_ticket_copies(ticket); copy++) {    // over there
 *         // run new_search(query), within flagcore_ticket_timeout_ns(ticket)
 *         flagcore_ticket_compare(ticket, copy, old_json, old_length, new_json, new_length, took_ns, NULL, NULL);
 *     }
 *     flagcore_ticket_free(ticket);
 *
 * Say once how each copy ended: by _compare, by _end where you compared by yourself or it took too long, by _fail, by
 * _drop. It counts as in flight until then, so a ticket that is forgotten holds its place for ever. The first word
 * counts; a later one is FLAGCORE_ERROR_ENDED, so the candidate and whoever watches its time need not agree who
 * speaks. Copies that did not end when the ticket is freed are counted as dropped: FLAGCORE_DROP_SPAWN. Any thread
 * may say any of it, also at the same time.
 *
 * A ticket of 0 copies wants flagcore_ticket_control and nothing else: what the control takes without a candidate
 * beside it. Of the limits of the block `rate` and `in_flight` are held by flagcore_launch_begin, `body` by _compare;
 * `timeout` is yours to hold, and so is a queue, if you have one. A candidate that begins a call of a launch by
 * itself breeds copies of copies: let it not.
 *
 * A block with all defaults but the share, which is never left out:
 *
 *     "shadow": { "sample": "5%",
 *                 "limits": { "in_flight": 64, "rate": "500/s", "timeout": "250ms", "body": "64KiB" },
 *                 "breaker": { "failures": "50%", "over": "10s", "min": 20, "half_open": "5s", "primary_p99": 1.10 },
 *                 "compare": { "ignore": [], "unordered": [], "float": 0, "errors": "class" },
 *                 "store": { "per_field": 20, "max": "64MiB", "redact": [] } }
 *
 * `rate` evens out no burst here: of 500/s five may begin at once.
 *
 * `state: DISABLED`, or no block, and the next call is no sample; tickets that are out may still end. The same once
 * the client is freed: launches and tickets go on to work, and what ends is still counted and reported, but nothing
 * is sampled any more, and the state is FLAGCORE_SHADOW_ENDED. In the child of a fork nothing is sampled either,
 * tickets of the parent's are FLAGCORE_ERROR_FORKED, and freeing them counts nothing.
 *
 * A call that is no sample costs a look-up of two handles, a load and a comparison, and where the launch is on a
 * throw of dice or a hash of the targeting key, and the rule `when` for those that are drawn: no lock, no allocation,
 * no clock. A sample allocates its ticket. The first launch of a client starts a thread, which sleeps while all are
 * off.
 */
#ifndef FLAGCORE_H
#define FLAGCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------ numbers */

#define FLAGCORE_ABI_MAJOR 0
#define FLAGCORE_ABI_MINOR 2
#define FLAGCORE_ABI_VERSION (((uint32_t)FLAGCORE_ABI_MAJOR << 16) | (uint32_t)FLAGCORE_ABI_MINOR)

/* All of these are int32_t where they are passed, whatever size a compiler gives an enum. */

typedef int32_t flagcore_status;
enum {
    FLAGCORE_OK = 0,
    FLAGCORE_ERROR_NULL = 1,             /* an argument that must be given is NULL */
    FLAGCORE_ERROR_INVALID_HANDLE = 2,   /* the handle was freed, or is none */
    FLAGCORE_ERROR_WRONG_HANDLE = 3,     /* the handle is of another type */
    FLAGCORE_ERROR_FOREIGN_FLAG = 4,     /* the flag is of another client */
    FLAGCORE_ERROR_IN_USE = 5,           /* another call is using the handle */
    FLAGCORE_ERROR_INVALID_UTF8 = 6,     /* the text is not UTF-8 */
    FLAGCORE_ERROR_INVALID_ARGUMENT = 7, /* an unknown number, an unaligned pointer, a length beyond PTRDIFF_MAX */
    FLAGCORE_ERROR_STRUCT_SIZE = 8,      /* struct_size is not set, or of no version that is known */
    FLAGCORE_ERROR_INVALID_CONTEXT = 9,  /* the value cannot be part of a context, or the context is not finished */
    FLAGCORE_ERROR_INVALID_JSON = 10,    /* the text is not JSON, or not an object */
    FLAGCORE_ERROR_REFUSED = 11,         /* the flag files have errors, or cannot be read; see flagcore_error */
    FLAGCORE_ERROR_NO_SOURCE = 12,       /* no source that takes bytes has this name */
    FLAGCORE_ERROR_OUT_OF_RANGE = 13,    /* the index is past the end */
    FLAGCORE_ERROR_FORKED = 14,          /* the process was forked after the client was opened; chapter 6 */
    FLAGCORE_ERROR_IN_LISTENER = 15,     /* a callback called what waits for it */
    FLAGCORE_ERROR_EXHAUSTED = 16,       /* no thread can be had, or there are 16 million handles of the type */
    FLAGCORE_ERROR_ABI_MISMATCH = 17,    /* header and library do not fit together */
    FLAGCORE_ERROR_INTERNAL = 18,        /* a bug of this library, contained */
    FLAGCORE_ERROR_ENDED = 19            /* the copy was said to have ended before */
};

typedef int32_t flagcore_type;
enum {
    FLAGCORE_TYPE_ANY = 0,     /* of a value: there is none. Asked for: whatever the variant holds; a whole number is an
                                * INTEGER then, also where another variant of the flag is 0.5 */
    FLAGCORE_TYPE_BOOLEAN = 1, /* boolean */
    FLAGCORE_TYPE_STRING = 2,  /* text */
    FLAGCORE_TYPE_INTEGER = 3, /* integer; number holds the same */
    FLAGCORE_TYPE_FLOAT = 4,   /* number; integer holds it towards zero, and saturating */
    FLAGCORE_TYPE_OBJECT = 5,  /* text: JSON, keys sorted */
    FLAGCORE_TYPE_LIST = 6     /* text: JSON. Only found in metadata, or where any type was asked for; cannot be asked for */
};

typedef int32_t flagcore_reason;
enum {
    FLAGCORE_REASON_STATIC = 1,          /* the flag has no targeting */
    FLAGCORE_REASON_DEFAULT = 2,         /* its targeting picked nothing */
    FLAGCORE_REASON_TARGETING_MATCH = 3, /* its targeting picked the variant */
    FLAGCORE_REASON_SPLIT = 4,
    FLAGCORE_REASON_DISABLED = 5, /* your own fallback is meant */
    FLAGCORE_REASON_STALE = 6,
    FLAGCORE_REASON_ERROR = 7,  /* see the error code */
    FLAGCORE_REASON_UNKNOWN = 8 /* one that this version has no number for */
};

typedef int32_t flagcore_code;
enum {
    FLAGCORE_CODE_NONE = 0,
    FLAGCORE_CODE_FLAG_NOT_FOUND = 1,
    FLAGCORE_CODE_PARSE_ERROR = 2,
    FLAGCORE_CODE_TYPE_MISMATCH = 3,
    FLAGCORE_CODE_TARGETING_KEY_MISSING = 4,
    FLAGCORE_CODE_INVALID_CONTEXT = 5,
    FLAGCORE_CODE_GENERAL = 6
};

typedef int32_t flagcore_format;
enum { FLAGCORE_FORMAT_JSON = 1, FLAGCORE_FORMAT_YAML = 2 };

typedef int32_t flagcore_mode;
enum {
    FLAGCORE_MODE_LENIENT = 0, /* what flagd accepts is accepted, with warnings */
    FLAGCORE_MODE_STRICT = 1   /* whatever is surely a mistake refuses the file */
};

typedef int32_t flagcore_bucketing;
enum { FLAGCORE_BUCKETING_V1 = 1, FLAGCORE_BUCKETING_V2 = 2, FLAGCORE_BUCKETING_V3 = 3 };

typedef int32_t flagcore_limit;
enum {
    FLAGCORE_LIMIT_FILE_BYTES = 1, /* bytes of one flag file: 16 MiB */
    FLAGCORE_LIMIT_DEPTH = 2,      /* levels of nesting: 256; more has no effect */
    FLAGCORE_LIMIT_FLAG_NODES = 3, /* nodes of one flag, references counted as what they stand for: 100,000 */
    FLAGCORE_LIMIT_SET_NODES = 4,  /* nodes of one file, counted likewise: 2,000,000 */
    FLAGCORE_LIMIT_FLAGS = 5,      /* flags of one source: 100,000 */
    FLAGCORE_LIMIT_VARIANTS = 6,   /* variants of one flag: 1,000 */
    FLAGCORE_LIMIT_KEY_BYTES = 7   /* bytes of a flag's key: 1,024 */
};

typedef int32_t flagcore_state;
enum {
    FLAGCORE_STATE_READY = 1,     /* every source is served as it is */
    FLAGCORE_STATE_NOT_READY = 2, /* some source has not delivered anything valid yet */
    FLAGCORE_STATE_STALE = 3,     /* some source holds what is refused; its last good flags are served */
    FLAGCORE_STATE_FORKED = 4     /* nobody keeps the client up to its sources in this process; chapter 6 */
};

typedef int32_t flagcore_update_kind;
enum {
    FLAGCORE_UPDATE_CHANGED = 1,  /* a new snapshot is served; see changes */
    FLAGCORE_UPDATE_REFUSED = 2,  /* what source holds is refused; message says why; revision is still served */
    FLAGCORE_UPDATE_HELD = 3,     /* what source holds is in doubt, and is taken if it stays the same */
    FLAGCORE_UPDATE_RECOVERED = 4 /* source holds again what is served: whatever was wrong is over */
};

typedef int32_t flagcore_change_kind;
enum { FLAGCORE_CHANGE_ADDED = 1, FLAGCORE_CHANGE_UPDATED = 2, FLAGCORE_CHANGE_REMOVED = 3 };

typedef int32_t flagcore_severity;
enum { FLAGCORE_SEVERITY_WARNING = 1, FLAGCORE_SEVERITY_ERROR = 2 };

typedef int32_t flagcore_explain_form;
enum { FLAGCORE_EXPLAIN_TEXT = 1, FLAGCORE_EXPLAIN_JSON = 2 };

/* What a sample of a dark launch meets. */
typedef int32_t flagcore_shadow_state;
enum {
    FLAGCORE_SHADOW_OFF = 1,     /* nothing is sampled: the flag is disabled, or has no `shadow` block that is right */
    FLAGCORE_SHADOW_RUNNING = 2, /* it becomes a ticket */
    FLAGCORE_SHADOW_RESTING = 3, /* the control runs alone for a moment, to tell what it takes by itself */
    FLAGCORE_SHADOW_PROBING = 4, /* a breaker opened a while ago; a few samples are let through to see */
    FLAGCORE_SHADOW_FAILING = 5, /* a breaker is open: too many copies failed */
    FLAGCORE_SHADOW_SLOWING = 6, /* a breaker is open: the control is slower beside the candidate */
    FLAGCORE_SHADOW_ENDED = 7,   /* the client is gone, or had no thread for its launches */
    FLAGCORE_SHADOW_FORKED = 8   /* the process is a copy of the one that opened the client; chapter 6 */
};

/* How a copy ended. */
typedef int32_t flagcore_outcome;
enum {
    FLAGCORE_OUTCOME_MATCH = 1,    /* nothing differs */
    FLAGCORE_OUTCOME_MISMATCH = 2, /* something differs */
    FLAGCORE_OUTCOME_IGNORED = 3,  /* only what is ignored differs */
    FLAGCORE_OUTCOME_FAILED = 4,   /* it failed where the control did not, or its answer is not JSON */
    FLAGCORE_OUTCOME_TIMEOUT = 5,  /* it took too long */
    FLAGCORE_OUTCOME_DROPPED = 6   /* it was not run, or not compared */
};

/* Why a copy was not run, or not compared. The library's own reasons; say the one that comes closest of yours. */
typedef int32_t flagcore_drop;
enum {
    FLAGCORE_DROP_QUEUE_FULL = 1,    /* too many wait */
    FLAGCORE_DROP_RATE = 2,          /* more would have started in a second than `rate` */
    FLAGCORE_DROP_IN_FLIGHT = 3,     /* as many run as `in_flight` allows */
    FLAGCORE_DROP_BREAKER = 4,       /* a breaker was open */
    FLAGCORE_DROP_BASELINE = 5,      /* the control ran alone for a moment */
    FLAGCORE_DROP_LATE = 6,          /* it waited longer than `timeout` */
    FLAGCORE_DROP_TOO_BIG = 7,       /* an answer is bigger than `body`, or has more than 128 levels */
    FLAGCORE_DROP_STUCK = 8,         /* too many candidates hang */
    FLAGCORE_DROP_CAPTURE = 9,       /* the input could not be copied */
    FLAGCORE_DROP_NESTED = 10,       /* it was asked for inside of a candidate */
    FLAGCORE_DROP_SPAWN = 11,        /* it was not started, or given up without a word */
    FLAGCORE_DROP_SWITCHED_OFF = 12, /* the flag was switched off while it waited */
    FLAGCORE_DROP_SHUTDOWN = 13      /* the program or the client is at its end */
};

typedef int32_t flagcore_report_form;
enum {
    FLAGCORE_REPORT_TEXT = 1,      /* a screen, for people */
    FLAGCORE_REPORT_JSON = 2,      /* durations in seconds */
    FLAGCORE_REPORT_PROMETHEUS = 3 /* text format 0.0.4; names begin with flagd_shadow_ */
};

/* Bits of flagcore_detail.marks. */
enum {
    FLAGCORE_MARK_PASSING = 1, /* may be another answer a moment later, with the same flags and context: do not cache */
    FLAGCORE_MARK_FORKED = 2   /* the flags are no longer kept up in this process; chapter 6 */
};

/* ------------------------------------------------------------------------------------------------- handles */

typedef struct flagcore_client flagcore_client;
typedef struct flagcore_reader flagcore_reader;
typedef struct flagcore_context flagcore_context;
typedef struct flagcore_options flagcore_options;
typedef struct flagcore_error flagcore_error;
typedef struct flagcore_results flagcore_results;
typedef struct flagcore_sources flagcore_sources;
typedef struct flagcore_launch flagcore_launch;
typedef struct flagcore_ticket flagcore_ticket;
typedef struct flagcore_report flagcore_report;

/* A flag of one client. 0 is none. */
typedef uint64_t flagcore_flag;

/* ---------------------------------------------------------------------------------------------- structures */

/* Borrowed text, without a NUL at the end. */
typedef struct flagcore_text {
    const char *data; /* NULL: no text at all */
    size_t length;    /* in bytes */
} flagcore_text;

/* A literal, or any NUL-terminated text, as the two arguments that a text is given by. */
#define FLAGCORE_TEXT(literal) ("" literal), (sizeof(literal) - 1)
#define FLAGCORE_STRING(terminated) (terminated), strlen(terminated)
/* A text as the two arguments of printf's "%.*s". */
#define FLAGCORE_PRINT(text) (int)(text).length, ((text).data ? (text).data : "")

/* A value: what its type says is set, the rest is zero. */
typedef struct flagcore_value {
    flagcore_type type;
    bool boolean;
    int64_t integer;
    double number;
    flagcore_text text;
} flagcore_value;

typedef struct flagcore_member {
    flagcore_text name;
    flagcore_value value;
} flagcore_member;

/* The answer of one evaluation. */
typedef struct flagcore_detail {
    size_t struct_size;      /* set by you: sizeof(flagcore_detail) */
    flagcore_value value;    /* type 0: take your own fallback */
    flagcore_text variant;   /* none where your own fallback is meant; told also with a type mismatch */
    flagcore_reason reason;
    flagcore_code error_code;
    uint32_t marks;          /* FLAGCORE_MARK_... */
    uint32_t reserved;
    const flagcore_member *metadata; /* of the flag and its set, a selector's, then sorted by name; NULL for none */
    size_t metadata_count;
    flagcore_text error_message; /* for people, with an error code; until the next call */
    uint64_t revision;           /* of the snapshot that answered */
} flagcore_detail;

/* One finding about a flag file. */
typedef struct flagcore_diagnostic {
    size_t struct_size; /* set by you: sizeof(flagcore_diagnostic) */
    flagcore_severity severity;
    uint32_t line;   /* from 1; 0 where it is about the file as a whole */
    uint32_t column; /* from 1, in characters; 0 likewise */
    uint32_t start;  /* the first byte concerned */
    uint32_t end;    /* one past the last; 0 where it is about the file as a whole */
    uint32_t reserved;
    flagcore_text source;  /* the file */
    flagcore_text code;    /* a kebab-case word that never changes, for example unknown-variant */
    flagcore_text pointer; /* the place as a JSON pointer (RFC 6901); empty for the document */
    flagcore_text cause;   /* what was found, and why it is a problem */
    flagcore_text help;    /* how to mend it, if there is a good guess */
    flagcore_text text;    /* all of it, in lines */
} flagcore_diagnostic;

/* What a source holds, and whether it is served. */
typedef struct flagcore_source {
    size_t struct_size; /* set by you: sizeof(flagcore_source) */
    flagcore_text name;
    bool is_served;  /* something of it is served */
    bool is_refused; /* what it holds now is not */
    uint64_t revision;          /* with which what is served was published */
    int64_t served_since;       /* when, in milliseconds since 1970 */
    int64_t refused_since;      /* when what is refused was first seen, likewise; 0 where nothing is */
    uint64_t flags;             /* how many are served of it */
    uint64_t largest_file_bytes;
    flagcore_text digest;       /* of what is served, in hexadecimal */
    flagcore_text waiting;      /* what holds back a content that is in doubt */
    flagcore_text complaint;    /* what is wrong with the watching */
    size_t diagnostic_count;    /* findings about what is refused, else about what is served */
} flagcore_source;

/* A flag that changed. */
typedef struct flagcore_change {
    flagcore_text key;
    flagcore_change_kind kind;
    uint32_t reserved;
} flagcore_change;

/* What a callback hears. */
typedef struct flagcore_update {
    size_t struct_size; /* set by the library */
    flagcore_update_kind kind;
    uint32_t reserved;
    uint64_t revision;      /* that is served; 0 where it is not told */
    flagcore_text source;   /* none for a change */
    flagcore_text message;  /* findings, in lines; may be empty */
    const flagcore_change *changes; /* the flags that changed, sorted by key; NULL where there are none */
    size_t change_count;
} flagcore_update;

/* What has become of the copies of a launch. Each ended copy is counted once: in one of the first five, or in dropped
 * and in one of those that follow it. */
typedef struct flagcore_counts {
    size_t struct_size; /* set by you: sizeof(flagcore_counts) */
    uint64_t matched;
    uint64_t mismatched;
    uint64_t ignored;
    uint64_t errors;    /* they failed where the control did not */
    uint64_t timeouts;
    uint64_t in_flight; /* they have not ended yet */
    uint64_t dropped;   /* for whatever reason, also for those that have no field here */
    uint64_t dropped_queue_full;
    uint64_t dropped_rate;
    uint64_t dropped_in_flight;
    uint64_t dropped_breaker;
    uint64_t dropped_baseline;
    uint64_t dropped_late;
    uint64_t dropped_too_big;
    uint64_t dropped_stuck;
    uint64_t dropped_capture;
    uint64_t dropped_nested;
    uint64_t dropped_spawn;
    uint64_t dropped_switched_off;
    uint64_t dropped_shutdown;
} flagcore_counts;

/* ------------------------------------------------------------------------------------------------ versions */

/* The ABI of the library that is loaded, as FLAGCORE_ABI_VERSION. Returns it. */
uint32_t flagcore_abi_version(void);

/* The version of the library that is loaded, for people. Returns NUL-terminated text. */
const char *flagcore_version(void);

/* Whether what was compiled with a header of this version, with structures of these sizes, can use the library; see
 * flagcore_check. The sizes are those of flagcore_text, _value, _member, _detail, _diagnostic, _source, _change,
 * _update and _counts, in this order; fewer may be given. FLAGCORE_ERROR_ABI_MISMATCH if not, with a message that says which. */
flagcore_status flagcore_abi_check(uint32_t version, const size_t *sizes, size_t count);

/* A number as people and wires spell it. Returns NUL-terminated text, also for unknown numbers. */
const char *flagcore_status_text(flagcore_status status);
const char *flagcore_reason_text(flagcore_reason reason); /* "TARGETING_MATCH" */
const char *flagcore_code_text(flagcore_code code);       /* "FLAG_NOT_FOUND"; "" for none */

/* The sentence about the last call of this thread that failed; empty where none did. At most 480 bytes. */
flagcore_status flagcore_last_error(flagcore_text *out);

/* ------------------------------------------------------------------------------------------------- options */

/* What can be chosen about a client. Every setter: the last call counts; FLAGCORE_ERROR_INVALID_ARGUMENT for unknown
 * numbers. Nothing is opened or read before flagcore_client_new. */

flagcore_status flagcore_options_new(flagcore_options **out);
flagcore_status flagcore_options_free(flagcore_options *options);

/* Adds a source: a file, or a folder, of which every *.json, *.yaml and *.yml is read in the order of the names. Of
 * several sources the later one wins a key. */
flagcore_status flagcore_options_add_path(flagcore_options *options, const char *path, size_t path_length);

/* Adds a source of bytes, which are copied; flagcore_client_update gives it others by its name. */
flagcore_status flagcore_options_add_bytes(flagcore_options *options, const char *name, size_t name_length,
                                           const void *data, size_t data_length, flagcore_format format);

/* How strictly files are taken; lenient by default. */
flagcore_status flagcore_options_set_mode(flagcore_options *options, flagcore_mode mode);

/* The generation of bucketing for files that pin none; v2 by default. Another one moves users to other variants. */
flagcore_status flagcore_options_set_bucketing(flagcore_options *options, flagcore_bucketing bucketing);

/* One bound on what is read; flagcore_limit lists the defaults. */
flagcore_status flagcore_options_set_limit(flagcore_options *options, flagcore_limit limit, size_t most);

/* Attributes that every evaluation has unless its own context sets them (global), or whatever it says (overrides). The
 * context is copied. */
flagcore_status flagcore_options_set_global(flagcore_options *options, const flagcore_context *context);
flagcore_status flagcore_options_set_overrides(flagcore_options *options, const flagcore_context *context);

/* Whether one thread keeps the client up to its sources; true by default. Without it flagcore_client_refresh does. */
flagcore_status flagcore_options_set_watch(flagcore_options *options, bool watch);

/* Whether the file system's events are used beside polling once a second; true by default. */
flagcore_status flagcore_options_set_file_events(flagcore_options *options, bool events);

/* Whether a client opens while a source has nothing valid, and takes it as soon as it has; false by default. */
flagcore_status flagcore_options_set_wait(flagcore_options *options, bool wait);

/* A callback for updates, the first publication included. data is passed through; release, which may be NULL, is called
 * with it once, when the callback will not be called again.
 *
 * Called on the thread that makes the update: the client's own, or the one that opens, refreshes or updates the client;
 * one call at a time. A slow callback delays later updates, never an evaluation. It may evaluate, make flags,
 * readers and launches, ask for state and sources, and free the client; not update, refresh or add a callback, which say
 * FLAGCORE_ERROR_IN_LISTENER, nor wait for a thread that does. It must not throw or longjmp.
 *
 * A runtime that cannot be called on a foreign thread polls flagcore_client_revision or flagcore_reader_revision.
 * The first client that is made with the options has the callback; later ones have not. */
typedef void (*flagcore_listener)(void *data, const flagcore_update *update);
typedef void (*flagcore_release)(void *data);
flagcore_status flagcore_options_on_update(flagcore_options *options, flagcore_listener listener, void *data,
                                           flagcore_release release);

/* -------------------------------------------------------------------------------------------------- client */

/* Opens a client: reads every source once, and watches from then on. Options may be freed or used again. error may be
 * NULL; where it is not, it is always written: why there is no client, which owes a free, or NULL.
 * FLAGCORE_ERROR_REFUSED where a source has nothing valid; FLAGCORE_ERROR_EXHAUSTED where there is no thread to watch
 * with. Waits for the sources to be read; starts one thread, and one more for each source whose file system tells of
 * changes. They take the signal mask of the thread that calls: block signals around this where a thread of yours is to get
 * them. A callback of the options may be called before *out is written, and also where no client comes of it; then
 * the options still have it. */
flagcore_status flagcore_client_new(const flagcore_options *options, flagcore_client **out, flagcore_error **error);

/* The same for one file or folder. */
flagcore_status flagcore_client_open(const char *path, size_t path_length, flagcore_client **out,
                                     flagcore_error **error);

/* Ends the watching. Waits for a callback that is under way, unless called from one; afterwards none is called any more, and
 * what was given with it is released. Waits for a read of a source that is under way; where another thread is in a call with
 * the client, the end of that call waits in its place. Readers go on with the last flags. Ends dark launches too, and
 * waits for their thread up to 100 ms. A lock that your callback wants (an interpreter's, say) must not be held here, nor
 * around flagcore_client_new, _open, _update, _refresh and _on_update. */
flagcore_status flagcore_client_free(flagcore_client *client);

/* The flag of a key: the fastest key, made once and kept. Good for the client's readers through all reloads, also where
 * no flag has the key yet. Takes a lock. Each new key takes a few dozen bytes for good: make flags of names in your code, not of
 * names that users send; past a million keys new ones find nothing. */
flagcore_status flagcore_client_flag(const flagcore_client *client, const char *key, size_t key_length,
                                     flagcore_flag *out);

/* A number that grows with every publication. No lock: poll it as often as you like. */
flagcore_status flagcore_client_revision(const flagcore_client *client, uint64_t *out);

/* Whether all is well. No lock. */
flagcore_status flagcore_client_state(const flagcore_client *client, flagcore_state *out);

/* What each source holds. No lock; copies all findings. */
flagcore_status flagcore_client_sources(const flagcore_client *client, flagcore_sources **out);

/* Reads every source now, and takes what is complete. Takes a lock, reads files; a file that changed is read again after
 * 50 ms to see that nobody is still writing it. FLAGCORE_OK also where something was refused: see state and sources. */
flagcore_status flagcore_client_refresh(const flagcore_client *client);

/* Takes new bytes for the source of this name, which was added as bytes. FLAGCORE_ERROR_REFUSED where
 * they have errors: what was served before is still served. error as for flagcore_client_new. Takes a lock. */
flagcore_status flagcore_client_update(const flagcore_client *client, const char *name, size_t name_length,
                                       const void *data, size_t data_length, flagcore_format format,
                                       flagcore_error **error);

/* A callback for updates from now on, until the client is freed; see flagcore_options_on_update. Takes a lock. On
 * failure release is not called. */
flagcore_status flagcore_client_on_update(const flagcore_client *client, flagcore_listener listener, void *data,
                                          flagcore_release release);

/* ------------------------------------------------------------------------------------------ error, sources */

/* Why there is no client, or no update. */

/* All of it in one text, for people. */
flagcore_status flagcore_error_message(const flagcore_error *error, flagcore_text *out);
/* How many findings there are, at most 1,000. Returns it; 0 for a handle that is none. */
size_t flagcore_error_count(const flagcore_error *error);
/* One of them, in file order. FLAGCORE_ERROR_OUT_OF_RANGE past the end. */
flagcore_status flagcore_error_at(const flagcore_error *error, size_t index, flagcore_diagnostic *out);
flagcore_status flagcore_error_free(flagcore_error *error);

/* The sources as they were at flagcore_client_sources, lowest priority first. */

/* How many there are. Returns it; 0 for a handle that is none. */
size_t flagcore_sources_count(const flagcore_sources *sources);
/* One of them. */
flagcore_status flagcore_sources_at(const flagcore_sources *sources, size_t index, flagcore_source *out);
/* One finding about one of them: number is below its diagnostic_count. */
flagcore_status flagcore_sources_diagnostic(const flagcore_sources *sources, size_t index, size_t number,
                                            flagcore_diagnostic *out);
flagcore_status flagcore_sources_free(flagcore_sources *sources);

/* ------------------------------------------------------------------------------------------------- context */

/* What is known about the subject: a targeting key and attributes. Build, evaluate, clear, build again.
 *
 * Of one name set twice the last value counts. The name "targetingKey" is the targeting key. Integers are kept as
 * double, as flags see them: exact to 2^53.
 *
 * What a setter refuses (a number that is not finite, more than 100 levels, more than 10,000 attributes, text that is not
 * UTF-8, a close too many) is remembered: it and all further setters fail, nothing is open any more, and evaluations that
 * look at the context answer FLAGCORE_CODE_INVALID_CONTEXT, until the context is cleared. So it is enough to look at the
 * answer. */

flagcore_status flagcore_context_new(flagcore_context **out);
flagcore_status flagcore_context_free(flagcore_context *context);

/* Removes everything; keeps the memory, up to 1 MiB. */
flagcore_status flagcore_context_clear(flagcore_context *context);

/* The text that stands for the subject: a user's or an account's id. Shares of a rollout go by it. */
flagcore_status flagcore_context_set_targeting_key(flagcore_context *context, const char *key, size_t key_length);

/* Attributes. Inside of a list the name is ignored, and may be NULL. */
flagcore_status flagcore_context_set_string(flagcore_context *context, const char *name, size_t name_length,
                                            const char *text, size_t text_length);
flagcore_status flagcore_context_set_bool(flagcore_context *context, const char *name, size_t name_length, bool value);
flagcore_status flagcore_context_set_integer(flagcore_context *context, const char *name, size_t name_length,
                                             int64_t value);
flagcore_status flagcore_context_set_float(flagcore_context *context, const char *name, size_t name_length,
                                           double value);
flagcore_status flagcore_context_set_null(flagcore_context *context, const char *name, size_t name_length);

/* Objects and lists: what is set from open to close is set in it. A context with something open cannot be used:
 * FLAGCORE_ERROR_INVALID_CONTEXT. close without open is FLAGCORE_ERROR_INVALID_ARGUMENT. */
flagcore_status flagcore_context_open_object(flagcore_context *context, const char *name, size_t name_length);
flagcore_status flagcore_context_open_list(flagcore_context *context, const char *name, size_t name_length);
flagcore_status flagcore_context_close(flagcore_context *context);

/* Sets every member of a JSON object. For those who have JSON anyway: parsing costs more than most evaluations. */
flagcore_status flagcore_context_add_json(flagcore_context *context, const char *json, size_t json_length);

/* -------------------------------------------------------------------------------------------------- reader */

/* A thread's own view of a client: it sees the newest snapshot at each call. A reader that is not used keeps an old
 * snapshot's memory; free those of threads that rest. No lock. */
flagcore_status flagcore_reader_new(const flagcore_client *client, flagcore_reader **out);
flagcore_status flagcore_reader_free(flagcore_reader *reader);

/* Stays with the current snapshot until release, so that many evaluations see one state, and texts live on. Hold at the
 * start of a request and release at its end. Held twice is held once. */
flagcore_status flagcore_reader_hold(flagcore_reader *reader);
flagcore_status flagcore_reader_release(flagcore_reader *reader);

/* The revision that the reader sees now. */
flagcore_status flagcore_reader_revision(flagcore_reader *reader, uint64_t *out);

/* In all that follow context may be NULL: nothing is known. */

/* Whether a boolean flag is on. Returns it; false also for whatever is no enabled boolean flag, and on any error. */
bool flagcore_reader_is_enabled(flagcore_reader *reader, flagcore_flag flag, const flagcore_context *context);

/* The value of a flag, or fallback. Nothing is coerced: a text is not a number. An integer is the flag's number towards
 * zero, saturating. */
flagcore_status flagcore_reader_get_bool(flagcore_reader *reader, flagcore_flag flag, const flagcore_context *context,
                                         bool fallback, bool *out);
flagcore_status flagcore_reader_get_integer(flagcore_reader *reader, flagcore_flag flag,
                                            const flagcore_context *context, int64_t fallback, int64_t *out);
flagcore_status flagcore_reader_get_float(flagcore_reader *reader, flagcore_flag flag, const flagcore_context *context,
                                          double fallback, double *out);

/* The same for texts, and for objects as JSON text. The fallback may be NULL, is handed back as it is, and is not looked
 * at. Text lives until the reader moves on; chapter 3. The JSON of an object is made once per snapshot. */
flagcore_status flagcore_reader_get_string(flagcore_reader *reader, flagcore_flag flag,
                                           const flagcore_context *context, const char *fallback,
                                           size_t fallback_length, flagcore_text *out);
flagcore_status flagcore_reader_get_object(flagcore_reader *reader, flagcore_flag flag,
                                           const flagcore_context *context, const char *fallback,
                                           size_t fallback_length, flagcore_text *out);

/* The same by key: one look-up more. */
flagcore_status flagcore_reader_get_bool_by_key(flagcore_reader *reader, const char *key, size_t key_length,
                                                const flagcore_context *context, bool fallback, bool *out);
flagcore_status flagcore_reader_get_integer_by_key(flagcore_reader *reader, const char *key, size_t key_length,
                                                   const flagcore_context *context, int64_t fallback, int64_t *out);
flagcore_status flagcore_reader_get_float_by_key(flagcore_reader *reader, const char *key, size_t key_length,
                                                 const flagcore_context *context, double fallback, double *out);
flagcore_status flagcore_reader_get_string_by_key(flagcore_reader *reader, const char *key, size_t key_length,
                                                  const flagcore_context *context, const char *fallback,
                                                  size_t fallback_length, flagcore_text *out);
flagcore_status flagcore_reader_get_object_by_key(flagcore_reader *reader, const char *key, size_t key_length,
                                                  const flagcore_context *context, const char *fallback,
                                                  size_t fallback_length, flagcore_text *out);

/* The same with all that is known about the answer. Ask for FLAGCORE_TYPE_ANY to take whatever there is. Texts and
 * metadata live until the reader moves on, error_message until the next call. */
flagcore_status flagcore_reader_detail(flagcore_reader *reader, flagcore_flag flag, flagcore_type type,
                                       const flagcore_context *context, flagcore_detail *out);
flagcore_status flagcore_reader_detail_by_key(flagcore_reader *reader, const char *key, size_t key_length,
                                              flagcore_type type, const flagcore_context *context,
                                              flagcore_detail *out);

/* The same of one flag set or one source: selector is "flagSetId=<id>", "source=<name>", or a source's name.
 * JSON and metadata live until the reader moves on or is given another selector. */
flagcore_status flagcore_reader_detail_selected(flagcore_reader *reader, const char *selector, size_t selector_length,
                                                const char *key, size_t key_length, flagcore_type type,
                                                const flagcore_context *context, flagcore_detail *out);

/* Why a flag gives what it gives: each condition, what it saw, and whether it held. For people (lines) or programs
 * (JSON). Allocates. The text lives until the next call. */
flagcore_status flagcore_reader_explain(flagcore_reader *reader, flagcore_flag flag, const flagcore_context *context,
                                        flagcore_explain_form form, flagcore_text *out);
flagcore_status flagcore_reader_explain_by_key(flagcore_reader *reader, const char *key, size_t key_length,
                                               const flagcore_context *context, flagcore_explain_form form,
                                               flagcore_text *out);

/* For scripts: a context as a JSON object in (NULL: nothing is known), an object out: key, value (absent: take your own
 * fallback), variant, reason, errorCode, errorDetails, metadata. Some microseconds. The text lives until the next call. */
flagcore_status flagcore_reader_evaluate_json(flagcore_reader *reader, const char *key, size_t key_length,
                                              const char *context, size_t context_length, flagcore_text *out);

/* ------------------------------------------------------------------------------------------------- results */

/* The answers of all flags, from one snapshot: one call for a page that wants them all. Results are made once, and
 * filled as often as you like. They keep the snapshot until they are filled again or freed. */

flagcore_status flagcore_results_new(flagcore_results **out);
flagcore_status flagcore_results_free(flagcore_results *results);

/* Evaluates every flag, sorted by flag set and key; each as the type of its default variant. A selector, if it is not
 * NULL, picks those of one flag set or source. After an error the results may be empty. */
flagcore_status flagcore_reader_evaluate_all(flagcore_reader *reader, const char *selector, size_t selector_length,
                                             const flagcore_context *context, flagcore_results *results);

/* How many answers there are. Returns it; 0 for a handle that is none. */
size_t flagcore_results_count(const flagcore_results *results);

/* One of them, with its key. All texts live as long as the results are not filled again or freed. */
flagcore_status flagcore_results_at(const flagcore_results *results, size_t index, flagcore_text *key,
                                    flagcore_detail *out);

/* ------------------------------------------------------------------------------------------ dark launches */

/* The dark launch of a flag, which need not have a `shadow` block now, nor exist; chapter 9. Two of one key are one
 * launch. The launch itself stays as long as the client: make launches of names in your code, not of names that users
 * send. Takes a lock; the first one starts a thread. Where there is none to be had, the state is
 * FLAGCORE_SHADOW_ENDED. */
flagcore_status flagcore_client_launch(const flagcore_client *client, const char *key, size_t key_length,
                                       flagcore_launch **out);

/* Frees the handle. The launch goes on, and so do its tickets. */
flagcore_status flagcore_launch_free(flagcore_launch *launch);

/* Begins a call, before the control runs. Gives a ticket for a sample, which owes a free, and NULL where only the
 * control is to run: mostly. context may be NULL: nothing is known. No lock. FLAGCORE_ERROR_EXHAUSTED where 16
 * million tickets are out. */
flagcore_status flagcore_launch_begin(const flagcore_launch *launch, const flagcore_context *context,
                                      flagcore_ticket **out);

/* What a sample meets now. No lock. */
flagcore_status flagcore_launch_state(const flagcore_launch *launch, flagcore_shadow_state *out);

/* A state in one word: "running". Returns NUL-terminated text, also for unknown numbers. */
const char *flagcore_shadow_state_text(flagcore_shadow_state state);

/* What has become of all copies since the launch began; another `id` in the block begins anew. Cheap. */
flagcore_status flagcore_launch_counts(const flagcore_launch *launch, flagcore_counts *out);

/* What was found: counts, latencies, the fields that differ with examples, errors by class. Takes a lock that copies
 * which differ or fail take for a moment too, and copies up to 2 MB. */
flagcore_status flagcore_launch_report(const flagcore_launch *launch, flagcore_report_form form,
                                       flagcore_report **out);

/* The same of all launches of a client, by key: reports one after the other, a JSON array, or one exposition of all. */
flagcore_status flagcore_client_reports(const flagcore_client *client, flagcore_report_form form,
                                        flagcore_report **out);

/* The text of a report, as it was when the report was made. */
flagcore_status flagcore_report_text(const flagcore_report *report, flagcore_text *out);
flagcore_status flagcore_report_free(flagcore_report *report);

/* How many copies to run, numbered from 1; of 0 only what the control takes is wanted. Returns it; 0 for a handle
 * that is none. */
uint32_t flagcore_ticket_copies(const flagcore_ticket *ticket);
/* How long a copy may take. Returns it, in nanoseconds. */
uint64_t flagcore_ticket_timeout_ns(const flagcore_ticket *ticket);
/* How big an answer may be; bigger ones are FLAGCORE_DROP_TOO_BIG. Returns it, in bytes. */
uint64_t flagcore_ticket_body_bytes(const flagcore_ticket *ticket);

/* Says what the control took. Copies that end before that are recorded beside a control that took no time, and without
 * it nothing notices that the control becomes slower beside the candidate (`primary_p99`). */
flagcore_status flagcore_ticket_control(const flagcore_ticket *ticket, uint64_t took_ns);

/* Says that the control failed: with what kind of error, such as a type's name or a status, which never holds a part
 * of what the error says; and what it says. From then on copies that fail are compared with that as the file says, by
 * class unless it says otherwise, and copies that answer are mismatches. Only the first word counts. */
flagcore_status flagcore_ticket_control_failed(const flagcore_ticket *ticket, const char *class_name,
                                               size_t class_length, const char *text, size_t text_length);

/* Compares the control's answer with a copy's, both JSON of any kind, by the rules of the flag's `compare` block, and
 * says that the copy ended so. outcome may be NULL. differences may be NULL; where it is not, it is the places that
 * differ, a line for each, without what the file redacts, and empty where the outcome is no mismatch; until the
 * ticket is freed.
 *
 * FLAGCORE_ERROR_INVALID_JSON where the control's answer is not JSON, and the copy has not ended; a copy's that is
 * not JSON is its failure. Where the control failed, control is not looked at, and may be NULL. Parses both
 * and allocates: never call it on the way to the user's answer. */
flagcore_status flagcore_ticket_compare(const flagcore_ticket *ticket, uint32_t copy, const char *control,
                                        size_t control_length, const char *candidate, size_t candidate_length,
                                        uint64_t took_ns, flagcore_outcome *outcome, flagcore_text *differences);

/* Says how a copy ended that you compared by yourself (_MATCH, _MISMATCH, _IGNORED), or that took too long (_TIMEOUT,
 * with how long it was waited for). FLAGCORE_ERROR_INVALID_ARGUMENT for other outcomes.
 *
 * This and all that say how a copy ended: FLAGCORE_ERROR_OUT_OF_RANGE where there is no such copy,
 * FLAGCORE_ERROR_ENDED where it ended before; then nothing is counted. */
flagcore_status flagcore_ticket_end(const flagcore_ticket *ticket, uint32_t copy, flagcore_outcome outcome,
                                    uint64_t took_ns);

/* Says that a copy failed; class and text as of the control. Kept are 120 bytes of the class, 240 of the text.
 * outcome may be NULL; it is _FAILED unless the control failed too. */
flagcore_status flagcore_ticket_fail(const flagcore_ticket *ticket, uint32_t copy, const char *class_name,
                                     size_t class_length, const char *text, size_t text_length, uint64_t took_ns,
                                     flagcore_outcome *outcome);

/* Says that a copy was not run, or not compared. */
flagcore_status flagcore_ticket_drop(const flagcore_ticket *ticket, uint32_t copy, flagcore_drop reason);

/* Copies that did not end are dropped: FLAGCORE_DROP_SPAWN. */
flagcore_status flagcore_ticket_free(flagcore_ticket *ticket);

/* -------------------------------------------------------------------------------------------------- inline */

/* Whether this header and the library that is loaded fit together. Call it once, first. */
static inline flagcore_status flagcore_check(void) {
    const size_t sizes[] = {sizeof(flagcore_text),   sizeof(flagcore_value),      sizeof(flagcore_member),
                            sizeof(flagcore_detail), sizeof(flagcore_diagnostic), sizeof(flagcore_source),
                            sizeof(flagcore_change), sizeof(flagcore_update),     sizeof(flagcore_counts)};
    return flagcore_abi_check(FLAGCORE_ABI_VERSION, sizes, sizeof(sizes) / sizeof(sizes[0]));
}

#ifdef __cplusplus
}
#endif

#endif
