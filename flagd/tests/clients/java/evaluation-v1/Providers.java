import dev.openfeature.contrib.providers.flagd.Config;
import dev.openfeature.contrib.providers.flagd.FlagdOptions;
import dev.openfeature.contrib.providers.flagd.FlagdProvider;
import dev.openfeature.sdk.FeatureProvider;
import dev.openfeature.sdk.FlagEvaluationDetails;
import java.util.Map;

/** The last provider for {@code flagd.evaluation.v1} ({@code rpc}), with an evaluator of its time ({@code in-process}). */
final class Providers {
    /** The event of an edit names no flags. */
    static final String CHANGED_LIVE = "changed";

    static FeatureProvider make(String name, Daemon daemon, Map<String, String> options) {
        var rpc = name.endsWith("rpc");
        var builder = FlagdOptions.builder()
                .resolverType(rpc ? Config.Resolver.RPC : Config.Resolver.IN_PROCESS)
                .host("localhost")
                .port(daemon.port(rpc ? "evaluation" : "sync"))
                .cacheType(options.getOrDefault("cache", "disabled"))
                .deadline(10_000)
                .retryBackoffMs(100)
                .selector(options.get("selector"))
                .socketPath(options.get("socket"));
        if (options.containsKey("authority")) {
            builder.tls(true).certPath(options.get("authority"));
        }
        return new FlagdProvider(builder.build());
    }

    /** The SDK of its time lists no keys. */
    static Map<String, Object> metadata(FlagEvaluationDetails<?> details) {
        throw new UnsupportedOperationException();
    }

    private Providers() {}
}
