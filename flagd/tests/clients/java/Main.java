import static java.util.Map.entry;

import dev.openfeature.sdk.FeatureProvider;
import java.util.List;
import java.util.Map;

/**
 * Uses the published providers for Java against a daemon: {@code Main PROVIDER TOPIC...}.
 *
 * Providers are those that {@code Providers} of the class path knows, topics the methods of this class. {@code LAUNCHER} is
 * the URL of the launcher.
 */
final class Main {
    private static final Daemon DAEMON = new Daemon();

    private final String provider;

    public static void main(String[] arguments) {
        var topics = Map.<String, java.util.function.Consumer<Main>>ofEntries(
                entry("evaluations", Main::evaluations),
                entry("contexts", Main::contexts),
                entry("metadata", Main::metadata),
                entry("tls", Main::tls),
                entry("sockets", Main::sockets),
                entry("selectors", Main::selectors),
                entry("live", Main::live),
                entry("asked", Main::asked),
                entry("restart", Main::restart),
                entry("early", Main::early));
        // Threads of a provider go on after this one, in some even after its end.
        var status = 1;
        try {
            for (var topic : List.of(arguments).subList(1, arguments.length)) {
                topics.get(topic).accept(new Main(arguments[0]));
            }
            status = 0;
        } catch (RuntimeException error) {
            error.printStackTrace();
        }
        System.exit(status);
    }

    private Main(String provider) {
        this.provider = provider;
    }

    private void evaluations() {
        DAEMON.order("start?config=default");
        try (var client = Asking.ready(provider, make())) {
            client.all(Cases.SUITE);
        }
    }

    private void contexts() {
        DAEMON.write(Daemon.flags(Cases.CONTEXT_RULES));
        DAEMON.order("start?config=own");
        try (var client = Asking.ready(provider, make())) {
            client.all(Cases.CONTEXTS);
        }
    }

    private void metadata() {
        DAEMON.order("start?config=metadata");
        try (var client = Asking.ready(provider, make())) {
            Asking.check("metadata of boolean-flag", client.metadata("bool", "boolean-flag"), "{}");
            Asking.check("metadata of selector-flag", client.metadata("string", "selector-flag"), "{flagSetId='selector-set'}");
            Asking.check(
                    "metadata of combined-metadata-flag",
                    client.metadata("bool", "combined-metadata-flag"),
                    "{boolean=true, flag-set-boolean=false, flag-set-float=3.2, flag-set-integer=3, flag-set-string='c',"
                            + " float=1.2, integer=1, string='a'}");
        }
    }

    private void tls() {
        DAEMON.order("start?config=ssl");
        try (var client = Asking.ready(provider, make("authority", DAEMON.path("authority")))) {
            client.all(Cases.SUITE.subList(0, 5));
        }
    }

    private void sockets() {
        DAEMON.order("start?config=sockets");
        var socket = provider.endsWith("in-process") ? "sync_socket" : "socket";
        try (var client = Asking.ready(provider, make("socket", DAEMON.path(socket)))) {
            client.all(Cases.SUITE.subList(0, 5));
        }
    }

    private void selectors() {
        DAEMON.order("start?config=default");
        for (var selector : List.of("flagSetId=selector-set", "source=rawflags/selector-flags.json", "rawflags/selector-flags.json")) {
            try (var client = Asking.ready(provider, make("selector", selector))) {
                Asking.check(selector + " selects", client.ask("string", "selector-flag", "{}"), "'foo' foo STATIC");
                Asking.check(selector + " hides", client.ask("bool", "boolean-flag", "{}"), "! FLAG_NOT_FOUND");
            }
        }
    }

    /** Edits, told by events. */
    private void live() {
        DAEMON.write(Daemon.live("one"));
        DAEMON.order("start?config=own");
        try (var client = Asking.ready(provider, make("cache", "lru"))) {
            Asking.check("the first value", client.live(), "'one' one STATIC");
            var again = provider.endsWith("rpc") ? "CACHED" : "STATIC";
            Asking.check("the first value again", client.live(), "'one' one " + again);
            DAEMON.write(Daemon.live("two"));
            client.await(Providers.CHANGED_LIVE);
            Asking.check("an edit arrives", client.live(), "'two' two STATIC");
            DAEMON.writeBroken();
            Asking.check("a broken edit reaches nobody", client.live(), "'two' two " + again);
            DAEMON.write(Daemon.live("three"));
            client.await(Providers.CHANGED_LIVE);
            Asking.check("the edit that mends it arrives", client.live(), "'three' three STATIC");
        }
    }

    /** Edits and a restart, as the answers tell them: for providers without events. */
    private void asked() {
        DAEMON.write(Daemon.live("one"));
        DAEMON.order("start?config=own");
        try (var client = Asking.ready(provider, make("cache", "lru"))) {
            client.becomes("'one' one");
            DAEMON.write(Daemon.live("two"));
            client.becomes("'two' two");
            DAEMON.writeBroken();
            Asking.check("a broken edit reaches nobody", client.live().replace("CACHED", "STATIC"), "'two' two STATIC");
            DAEMON.order("stop");
            DAEMON.write(Daemon.live("three"));
            DAEMON.order("start?config=own");
            client.becomes("'three' three");
        }
    }

    private void restart() {
        DAEMON.write(Daemon.live("one"));
        DAEMON.order("start?config=own");
        try (var client = Asking.ready(provider, make("cache", "lru"))) {
            Asking.check("the value before", client.live(), "'one' one STATIC");
            DAEMON.order("stop");
            client.await("stale");
            client.await("error");
            DAEMON.write(Daemon.live("two"));
            DAEMON.order("start?config=own");
            client.await("ready");
            client.becomes("'two' two STATIC");
            DAEMON.write(Daemon.live("three"));
            client.await(Providers.CHANGED_LIVE);
            Asking.check("an edit after it", client.live(), "'three' three STATIC");
        }
    }

    /** The provider starts while there is no daemon. */
    private void early() {
        DAEMON.write(Daemon.live("one"));
        DAEMON.order("stop");
        try (var client = Asking.started(provider, make())) {
            client.await("error");
            DAEMON.order("start?config=own");
            client.await("ready");
            Asking.check("a provider that starts first", client.live(), "'one' one STATIC");
        }
    }

    private FeatureProvider make(String... options) {
        return Providers.make(provider, DAEMON, options.length == 0 ? Map.of() : Map.of(options[0], options[1]));
    }
}
