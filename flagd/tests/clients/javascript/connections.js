// Ways to the daemon: TLS with an authority of our own, unix sockets, selectors.

const { check, order, run, until } = require('./program.js');
const { begin, open } = require('./providers.js');

const header = (selector) => ({ headers: [['Flagd-Selector', selector]] });
const interceptor = (selector) => ({
    interceptors: [
        (next) => (request) => {
            request.header.set('Flagd-Selector', selector);
            return next(request);
        },
    ],
});
const option = (selector) => ({ selector });
const trusting = (places) => ({ tls: true, certPath: places.authority });
const secure = () => ({ tls: true });
const url = (places) => ({ baseUrl: `https://localhost:${places.ofrep}` });

// `socket`: the name of its place; `selecting`: how a selector is given; `scope`: the client tells the selector itself;
// `untold`: it tells no metadata at all; `silent`: it tells no changes; `refused`: what comes of a selector that is none.
const invalid = '3 INVALID_ARGUMENT: invalid selector: invalid selector key "key", valid keys: "flagSetId", "source"';
const kinds = {
    'rpc': { tls: trusting, socket: 'socket', selecting: option, refused: 'default TYPE_MISMATCH' },
    'in-process': { tls: trusting, socket: 'sync_socket', selecting: option, scope: true, refused: invalid },
    'web': { tls: secure, selecting: interceptor, untold: true },
    'ofrep': { tls: url, config: 'ssl-everywhere', selecting: header, silent: true, refused: 'default GENERAL' },
    'ofrep-web': { tls: url, config: 'ssl-everywhere', selecting: header, refused: 'Failed OFREP bulk evaluation request, status: 400' },
    'evaluation-v1': { tls: trusting, socket: 'socket', selecting: option, refused: 'default TYPE_MISMATCH' },
    'evaluation-v1-in-process': { tls: trusting, socket: 'sync_socket', selecting: option, scope: true, refused: invalid },
    'schema-v1': { tls: secure, socket: 'socket' },
    'schema-v1-web': { tls: secure },
};

const ofSet = { flagSetId: 'selector-set' };
const ofSource = { ...ofSet, source: 'rawflags/selector-flags.json' };
const [foo, on, missing] = ['"foo" STATIC foo', 'true STATIC on', 'default FLAG_NOT_FOUND'];

// Selector; `selector-flag` of one source, `boolean-flag` of another, `cross-flagset-flag` that is disabled in that; and
// the metadata of the first.
const selections = [
    ['flagSetId=selector-set', [foo, missing, on], ofSet],
    ['source=rawflags/selector-flags.json', [foo, missing, on], ofSource],
    ['rawflags/selector-flags.json', [foo, missing, on], ofSource],
    ['flagSetId=', [missing, on, 'default DISABLED']],
    ['flagSetId=none', [missing, missing, missing]],
];

// Where the answers to the fourth selection differ, as for all that is disabled.
const disabled = {
    'web': 'false DISABLED',
    'ofrep': 'default GENERAL',
    'evaluation-v1': 'false DISABLED',
    'evaluation-v1-in-process': missing,
};

run(async (provider, places) => {
    const { tls, config, socket, selecting, scope, untold, silent, refused } = kinds[provider];
    /** Checks an answer, and that edits come this way. */
    const works = async (name, more) => {
        const client = await open(provider, places, more);
        const ask = () => client.ask('string', 'changing-flag');
        const [before, after] = [await ask(), '"bar" STATIC bar'];
        check(`${name}: answer`, before, '"foo" STATIC foo');
        await order('change');
        if (!silent) {
            await client.next('ConfigurationChanged');
        }
        check(`${name}: answer after an edit`, silent ? await until(ask, after) : await ask(), after);
        await order('change');
    };

    await order(`start?config=${config ?? 'ssl'}`);
    await works('TLS', tls(places));
    if (socket) {
        await order('start?config=sockets');
        await works('socket', { socketPath: places[socket] });
    }
    if (!selecting) {
        return;
    }
    await order('start?config=default');
    for (const [selector, wanted, metadata] of selections) {
        const client = await open(provider, places, selecting(selector));
        const answers = [
            await client.ask('string', 'selector-flag'),
            await client.ask('boolean', 'boolean-flag'),
            await client.ask('boolean', 'cross-flagset-flag'),
        ];
        check(selector, answers, wanted.map((answer) => (answer === 'default DISABLED' ? disabled[provider] ?? answer : answer)));
        if (metadata && !untold) {
            const told = await client.metadata('string', 'selector-flag');
            const { source, ...set } = metadata;
            // The client tells the selector itself, and the payload of a sync has the source in a field of its own.
            check(`metadata by ${selector}`, sorted(told), sorted(scope ? { ...set, scope: selector } : metadata));
        }
    }
    if (refused) {
        const [client, ready] = begin(provider, places, selecting('key=1'));
        const failure = await ready.then(() => null, (error) => error.message);
        check('key=1', failure ?? (await client.ask('string', 'selector-flag')), refused);
    }
});

const sorted = (members) => Object.entries(members).toSorted();
