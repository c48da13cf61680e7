import com.google.common.collect.ImmutableList;
import com.google.common.collect.ImmutableMap;
import dev.openfeature.contrib.providers.flagd.Config;
import dev.openfeature.contrib.providers.flagd.FlagdOptions;
import dev.openfeature.contrib.providers.flagd.FlagdProvider;
import dev.openfeature.contrib.providers.ofrep.OfrepProvider;
import dev.openfeature.contrib.providers.ofrep.OfrepProviderOptions;
import dev.openfeature.sdk.FeatureProvider;
import dev.openfeature.sdk.FlagEvaluationDetails;
import java.util.Map;

/** The newest providers: {@code rpc}, {@code in-process} and {@code ofrep}. */
final class Providers {
    /** How the event of an edit of the flag {@code live} begins. */
    static final String CHANGED_LIVE = "changed [live]";

    static FeatureProvider make(String name, Daemon daemon, Map<String, String> options) {
        if (name.equals("ofrep")) {
            var builder = OfrepProviderOptions.builder().baseUrl("http://localhost:" + daemon.port("ofrep"));
            if (options.containsKey("selector")) {
                builder.headers(ImmutableMap.of("Flagd-Selector", ImmutableList.of(options.get("selector"))));
            }
            return OfrepProvider.constructProvider(builder.build());
        }
        var rpc = name.equals("rpc");
        var builder = FlagdOptions.builder()
                .resolverType(rpc ? Config.Resolver.RPC : Config.Resolver.IN_PROCESS)
                .host("localhost")
                .port(daemon.port(rpc ? "evaluation" : "sync"))
                .cacheType(options.getOrDefault("cache", "disabled"))
                .deadline(10_000)
                .retryGracePeriod(1)
                .selector(options.get("selector"))
                .socketPath(options.get("socket"));
        if (options.containsKey("authority")) {
            builder.tls(true).certPath(options.get("authority"));
        }
        return new FlagdProvider(builder.build());
    }

    static Map<String, Object> metadata(FlagEvaluationDetails<?> details) {
        return details.getFlagMetadata().asUnmodifiableMap();
    }

    private Providers() {}
}
