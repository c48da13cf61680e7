// Every provider by its name: how it is made, and one way to ask all of them.

const server = require('@openfeature/server-sdk');
const web = require('@openfeature/web-sdk');
const { within } = require('./program.js');

// Browsers have it; Node 20 does not.
globalThis.EventSource = require('eventsource').EventSource;

/** Long enough for a machine that is busy, short enough for a test to see a restart. */
const impatient = { deadlineMs: 10_000, retryBackoffMs: 100, retryBackoffMaxMs: 200, retryGracePeriod: 1 };

const flagd = (name) => require(name).FlagdProvider;
const remote = (name) => (places, more) =>
    new (flagd(name))({ host: 'localhost', port: places.evaluation, ...impatient, cache: 'disabled', ...more });
const inProcess = (name) => (places, more) =>
    new (flagd(name))({ host: 'localhost', port: places.sync, ...impatient, resolverType: 'in-process', ...more });
const page = (name) => (places, more) =>
    new (require(name).FlagdWebProvider)({ host: 'localhost', port: places.evaluation, tls: false, maxDelay: 200, ...more });
const ofrep = (Provider) => (places, more) => new Provider({ baseUrl: `http://localhost:${places.ofrep}`, ...more });

const { OFREPProvider } = require('@openfeature/ofrep-provider');
const { OFREPWebProvider } = require('@openfeature/ofrep-web-provider');

const makers = {
    'rpc': [server, remote('@openfeature/flagd-provider')],
    'in-process': [server, inProcess('@openfeature/flagd-provider')],
    'web': [web, page('@openfeature/flagd-web-provider')],
    'ofrep': [server, ofrep(OFREPProvider)],
    'ofrep-web': [web, (places, more) => ofrep(OFREPWebProvider)(places, { cacheMode: 'disabled', ...more })],
    'evaluation-v1': [server, remote('flagd-provider-evaluation-v1')],
    'evaluation-v1-in-process': [server, inProcess('flagd-provider-evaluation-v1')],
    'schema-v1': [server, remote('flagd-provider-schema-v1')],
    'schema-v1-web': [web, page('flagd-web-provider-schema-v1')],
};

const silent = { debug() {}, info() {}, warn() {}, error() {} };
server.OpenFeature.setLogger(silent);
web.OpenFeature.setLogger(silent);

/** What callers want when there is nothing else. */
const defaults = { boolean: true, string: 'of the caller', number: -7, object: { of: 'the caller' } };

/** A client of a provider, and what happens to it. */
class Client {
    #sdk;
    #client;
    #context = '{}';
    #counts = {};
    #events = [];
    #waiting = [];

    constructor(name, domain) {
        this.#sdk = makers[name][0];
        this.#client = this.#sdk.OpenFeature.getClient(domain);
        for (const event of Object.values(this.#sdk.ProviderEvents)) {
            this.#client.addHandler(event, (details) => {
                this.#events.push({ event, keys: details?.flagsChanged?.toSorted() });
                this.#counts[event] = (this.#counts[event] ?? 0) + 1;
                this.#waiting.splice(0).forEach((wake) => wake());
            });
        }
    }

    /** The next event of a name; those before it are dropped. */
    async next(event) {
        const wanted = this.#sdk.ProviderEvents[event];
        for (;;) {
            const at = this.#events.findIndex((found) => found.event === wanted);
            if (at !== -1) {
                return this.#events.splice(0, at + 1).at(-1);
            }
            await within(new Promise((wake) => this.#waiting.push(wake)), event);
        }
    }

    /** How many events of a name there were. */
    count(event) {
        return this.#counts[this.#sdk.ProviderEvents[event]] ?? 0;
    }

    get status() {
        return this.#client.providerStatus;
    }

    /** An answer in one line: value, error code or reason, variant. Without a variant, the caller's value is `default`. */
    async ask(type, key, context = {}) {
        const detail = await this.#detail(type, key, context);
        const shown = !detail.variant && detail.value === defaults[type] ? 'default' : JSON.stringify(detail.value);
        return [shown, detail.errorCode ?? detail.reason, ...(detail.variant ? [detail.variant] : [])].join(' ');
    }

    /** The metadata of an answer. */
    async metadata(type, key, context = {}) {
        return (await this.#detail(type, key, context)).flagMetadata;
    }

    async #detail(type, key, context) {
        const method = `get${type[0].toUpperCase()}${type.slice(1)}Details`;
        if (this.#sdk === server) {
            return this.#client[method](key, defaults[type], context);
        }
        // Pages have one context for all questions.
        if (this.#context !== JSON.stringify(context)) {
            this.#context = JSON.stringify(context);
            await web.OpenFeature.setContext(context);
        }
        return this.#client[method](key, defaults[type]);
    }
}

/** A provider, and a client for it; it may not be ready yet. */
function begin(name, places, more) {
    const [sdk, make] = makers[name];
    const domain = `${name} ${JSON.stringify(more)}`;
    const client = new Client(name, domain);
    return [client, sdk.OpenFeature.setProviderAndWait(domain, make(places, more))];
}

/** A client whose provider is ready. */
async function open(name, places, more) {
    const [client, ready] = begin(name, places, more);
    await within(ready, `${name} is ready`);
    return client;
}

module.exports = { begin, open };
