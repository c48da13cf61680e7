import java.util.List;
import java.util.Map;

/** What is asked of every client, and what is right. */
final class Cases {
    /**
     * The type that is asked for, the flag, the context, the answer; and for some providers another answer.
     *
     * An answer is the value, the variant ({@code -} is none) and the reason; or {@code !} and the error's code. Code
     * defaults are those of {@link Asking}.
     */
    record Case(String type, String flag, String context, String right, Map<String, String> others) {}

    private static Case is(String type, String flag, String context, String right, String... others) {
        var map = new java.util.HashMap<String, String>();
        for (int i = 0; i < others.length; i += 2) {
            map.put(others[i], others[i + 1]);
        }
        return new Case(type, flag, context, right, map);
    }

    private static final String GONE = "! FLAG_NOT_FOUND";
    private static final String UNO = "'uno' one STATIC";
    private static final String NO_DATE = "false off DEFAULT";
    private static final String NOBODY = "{}";
    private static final String BALLMER = "{'email': 'ballmer@macrosoft.com'}";

    /** With the flags of the public suite. */
    static final List<Case> SUITE = List.of(
            is("bool", "boolean-flag", NOBODY, "true on STATIC"),
            is("string", "string-flag", NOBODY, "'hi' greeting STATIC"),
            is("int", "integer-flag", NOBODY, "10 ten STATIC"),
            is("double", "float-flag", NOBODY, "0.5 half STATIC"),
            // The client of OFREP takes no whole number for a double, not even that of a double that is whole, nor the reverse.
            is("double", "integer-flag", NOBODY, "10.0 ten STATIC", "ofrep", "! TYPE_MISMATCH"),
            is("int", "float-flag", NOBODY, "0 half STATIC", "ofrep", "! TYPE_MISMATCH"),
            is("object", "object-flag", NOBODY, "{imagesPerPage=100, showImages=true, title='Check out these pics!'} template STATIC"),
            is("bool", "boolean-zero-flag", NOBODY, "false zero STATIC"),
            is("string", "string-zero-flag", NOBODY, "'' zero STATIC"),
            is("int", "integer-zero-flag", NOBODY, "0 zero STATIC"),
            is("double", "float-zero-flag", NOBODY, "0.0 zero STATIC", "ofrep", "! TYPE_MISMATCH"),
            is("bool", "boolean-targeted-zero-flag", BALLMER, "false zero TARGETING_MATCH"),
            is("string", "string-targeted-zero-flag", BALLMER, "'' zero TARGETING_MATCH"),
            is("int", "integer-targeted-zero-flag", BALLMER, "0 zero TARGETING_MATCH"),
            is("double", "float-targeted-zero-flag", BALLMER, "0.0 zero TARGETING_MATCH", "ofrep", "! TYPE_MISMATCH"),
            is("int", "integer-targeted-zero-flag", NOBODY, "0 zero DEFAULT"),
            is("string", "context-aware", "{'fn': 'Sulisław', 'ln': 'Świętopełk', 'age': 29, 'customer': false}", "'INTERNAL' internal TARGETING_MATCH"),
            is("string", "context-aware", NOBODY, "'EXTERNAL' external TARGETING_MATCH"),
            is("string", "targeting-key-flag", "{'targetingKey': '5c3d8535-f81a-4478-a6d3-afaa4d51199e'}", "'hit' hit TARGETING_MATCH"),
            is("string", "targeting-key-flag", "{'targetingKey': 'nobody'}", "'miss' miss DEFAULT"),
            is("int", "timestamp-flag", "{'time': 4133980800}", "1 future TARGETING_MATCH"),
            is("string", "some-email-targeted-flag", BALLMER, "'hi' hi TARGETING_MATCH"),
            is("string", "starts-ends-flag", "{'id': 'abcdef'}", "'prefix' prefix TARGETING_MATCH"),
            is("string", "equal-greater-lesser-version-flag", "{'version': '2.0.0'}", "'equal' equal TARGETING_MATCH"),
            is("string", "fractional-flag-shorthand", "{'targetingKey': 'jon@company.com'}", "'heads' heads TARGETING_MATCH"),
            is("int", "non-string-variant-targeting-flag", NOBODY, "2 true TARGETING_MATCH"),
            is("int", "targeting-null-variant-flag", NOBODY, "2 two DEFAULT"),
            is("int", "empty-targeting-flag", NOBODY, "1 false STATIC"),
            // The older evaluator knows no context of the daemon.
            is("string", "flagd-context-aware", NOBODY, "'INTERNAL' internal TARGETING_MATCH", "v1-in-process", "'EXTERNAL' external TARGETING_MATCH"),
            is("string", "no-default-flag-null-targeting-variant", "{'email': 'jobs@orange.com'}", "'CEO' special TARGETING_MATCH"),
            // The first generations of the protocol say NOT_FOUND; the other clients come to that by themselves.
            is("string", "no-default-flag-null-targeting-variant", NOBODY, "'code' - DEFAULT", "rpc", GONE, "in-process", GONE, "ofrep", GONE, "v1-rpc", GONE, "v1-in-process", "! TYPE_MISMATCH", "schema", "! GENERAL"),
            is("bool", "null-default-flag", NOBODY, "true - DEFAULT", "rpc", GONE, "in-process", GONE, "ofrep", GONE, "v1-rpc", GONE, "v1-in-process", "! TYPE_MISMATCH", "schema", "! GENERAL"),
            is("int", "undefined-default-flag", NOBODY, "42 - DEFAULT", "rpc", GONE, "in-process", GONE, "ofrep", GONE, "v1-rpc", GONE, "v1-in-process", "! TYPE_MISMATCH", "schema", "! GENERAL"),
            // The first generations of the protocol send the zero value. The other clients make an error of a disabled flag, those
            // with an evaluator from its state, that of OFREP from an answer without a value.
            is("bool", "disabled-boolean-flag", NOBODY, "true - DISABLED", "rpc", "false - DISABLED", "v1-rpc", "false - DISABLED", "schema", "false - DISABLED", "in-process", GONE, "v1-in-process", GONE, "ofrep", GONE),
            is("string", "disabled-string-flag", NOBODY, "'code' - DISABLED", "rpc", "'' - DISABLED", "v1-rpc", "'' - DISABLED", "schema", "'' - DISABLED", "in-process", GONE, "v1-in-process", GONE, "ofrep", GONE),
            is("int", "disabled-integer-flag", NOBODY, "42 - DISABLED", "rpc", "0 - DISABLED", "v1-rpc", "0 - DISABLED", "schema", "0 - DISABLED", "in-process", GONE, "v1-in-process", GONE, "ofrep", GONE),
            is("double", "disabled-float-flag", NOBODY, "4.2 - DISABLED", "rpc", "0.0 - DISABLED", "v1-rpc", "0.0 - DISABLED", "schema", "0.0 - DISABLED", "in-process", GONE, "v1-in-process", GONE, "ofrep", GONE),
            is("object", "disabled-object-flag", NOBODY, "{code=true} - DISABLED", "rpc", "{} - DISABLED", "v1-rpc", "{} - DISABLED", "schema", "{} - DISABLED", "in-process", GONE, "v1-in-process", GONE, "ofrep", GONE),
            // The oldest client makes GENERAL of each status.
            is("bool", "no-such-flag", NOBODY, "! FLAG_NOT_FOUND", "schema", "! GENERAL"),
            is("bool", "wrong-flag", NOBODY, "! TYPE_MISMATCH", "schema", "! GENERAL"),
            // Some take any value for an object.
            is("object", "wrong-flag", NOBODY, "! TYPE_MISMATCH", "schema", "! GENERAL", "in-process", UNO, "v1-in-process", UNO, "ofrep", UNO),
            // The client of OFREP calls each 400 a bad context.
            is("int", "error-targeting-flag", NOBODY, "! PARSE_ERROR", "schema", "! GENERAL", "ofrep", "! INVALID_CONTEXT"),
            is("string", "ref-to-nonexistent-evaluator-flag", NOBODY, "! PARSE_ERROR", "schema", "! GENERAL", "ofrep", "! INVALID_CONTEXT"),
            is("int", "missing-variant-targeting-flag", NOBODY, "! GENERAL", "ofrep", "! INVALID_CONTEXT", "v1-in-process", "! TYPE_MISMATCH"));

    /** Contexts of every type, with flags of our own. */
    static final List<Case> CONTEXTS = List.of(
            is("bool", "whole", "{'n': 7}", "true on TARGETING_MATCH"),
            is("bool", "whole", "{'n': '7'}", "false off DEFAULT"),
            is("bool", "fraction", "{'n': 1.5}", "true on TARGETING_MATCH"),
            is("bool", "truth", "{'b': true}", "true on TARGETING_MATCH"),
            is("bool", "text", "{'s': 'ünï-日本'}", "true on TARGETING_MATCH"),
            is("bool", "list", "{'tags': ['new', 'vip']}", "true on TARGETING_MATCH"),
            is("bool", "list", "{'tags': []}", "false off DEFAULT"),
            is("bool", "nested", "{'user': {'home': {'rooms': [1, 2, 3]}}}", "true on TARGETING_MATCH"),
            is("bool", "nested", "{'user': {'home': 'none'}}", "false off DEFAULT"),
            // No client sends a date: over gRPC it is null, that of OFREP cannot write it.
            is("bool", "date", "{'when': {'date': '2026-01-02T03:04:05Z'}}", "true on TARGETING_MATCH", "rpc", NO_DATE, "in-process", NO_DATE, "v1-rpc", NO_DATE, "v1-in-process", NO_DATE, "schema", NO_DATE, "ofrep", "! PARSE_ERROR"),
            is("bool", "key", "{'targetingKey': 'anna'}", "true on TARGETING_MATCH"));

    /** The flags that {@link #CONTEXTS} asks for: variants {@code on} and {@code off}, the default, and these rules. */
    static final Map<String, String> CONTEXT_RULES = Map.of(
            "whole", "{'if': [{'===': [{'var': 'n'}, 7]}, 'on']}",
            "fraction", "{'if': [{'===': [{'var': 'n'}, 1.5]}, 'on']}",
            "truth", "{'if': [{'===': [{'var': 'b'}, true]}, 'on']}",
            "text", "{'if': [{'===': [{'var': 's'}, 'ünï-日本']}, 'on']}",
            "list", "{'if': [{'in': ['vip', {'var': 'tags'}]}, 'on']}",
            "nested", "{'if': [{'===': [{'var': 'user.home.rooms.1'}, 2]}, 'on']}",
            "date", "{'if': [{'starts_with': [{'var': 'when'}, '2026-01-02T03:04:05']}, 'on']}",
            "key", "{'if': [{'===': [{'var': 'targetingKey'}, 'anna']}, 'on']}");

    private Cases() {}
}
