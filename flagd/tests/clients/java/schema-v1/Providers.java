import dev.openfeature.contrib.providers.flagd.FlagdOptions;
import dev.openfeature.contrib.providers.flagd.FlagdProvider;
import dev.openfeature.sdk.FeatureProvider;
import dev.openfeature.sdk.FlagEvaluationDetails;
import java.util.Map;

/** The last provider for {@code schema.v1}. */
final class Providers {
    /** The provider has no events. */
    static final String CHANGED_LIVE = "changed";

    static FeatureProvider make(String name, Daemon daemon, Map<String, String> options) {
        var builder = FlagdOptions.builder()
                .host("localhost")
                .port(daemon.port("evaluation"))
                .cacheType(options.getOrDefault("cache", "disabled"))
                .socketPath(options.get("socket"));
        if (options.containsKey("authority")) {
            builder.tls(true).certPath(options.get("authority"));
        }
        return new FlagdProvider(builder.build()).setDeadline(10_000);
    }

    static Map<String, Object> metadata(FlagEvaluationDetails<?> details) {
        return details.getFlagMetadata().asUnmodifiableMap();
    }

    private Providers() {}
}
