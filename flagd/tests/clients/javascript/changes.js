// What a provider sees of edits, of a broken one, and of a daemon that goes and comes back.

const { check, order, run, until, write } = require('./program.js');
const { begin, open } = require('./providers.js');

// `keys`: whether an event names what changed; `gone`, `back`: what is told when the daemon goes, and when it is back;
// `alone`: the answer in between; `early`: a provider that begins without a daemon.
const rpc = {
    more: { cache: 'lru' },
    cached: 'CACHED',
    keys: true,
    gone: ['Stale', 'Error'],
    alone: 'default FLAG_NOT_FOUND',
    back: 'Ready',
    early: { begins: 'fails', told: 'Ready', streams: 2, answer: '"fourth" STATIC it' },
};
const inProcess = { ...rpc, more: {}, cached: 'STATIC', alone: '"third" STATIC it' };
const page = {
    cached: 'STATIC',
    keys: false,
    gone: [],
    alone: '"third" STATIC it',
    // The client never says that it is ready when its first attempt failed, but listens then.
    early: { begins: 'waits', streams: 2 },
};
const kinds = {
    'rpc': rpc,
    'in-process': inProcess,
    'web': page,
    'ofrep': {
        cached: 'STATIC',
        gone: [],
        alone: 'default GENERAL',
        early: { begins: 'is ready', streams: 0, answer: '"fourth" STATIC it' },
    },
    'ofrep-web': {
        ...page,
        keys: true,
        gone: ['Stale'],
        back: 'ConfigurationChanged',
        // The client does not ask again by itself, but with another context.
        early: { begins: 'fails', streams: 1, context: { targetingKey: 'jo' }, answer: '"fourth" STATIC it' },
    },
    'evaluation-v1': rpc,
    'evaluation-v1-in-process': inProcess,
    'schema-v1': { ...rpc, gone: ['Error'] },
    'schema-v1-web': page,
};

const flag = (value) => ({ state: 'ENABLED', variants: { it: value }, defaultVariant: 'it' });
const first = { live: flag('first'), gone: flag('gone'), same: flag('same') };
const second = { ...first, live: flag('second') };
const third = { live: flag('third'), same: flag('same'), new: flag('new') };
const fourth = { ...third, live: flag('fourth') };

run(async (provider, places) => {
    const { more, cached, keys, gone, alone, back, early } = kinds[provider];
    const status = async () => (await fetch(`http://localhost:${places.management}/status`)).json();
    const refused = async () => (await status()).sources[0].refused !== null;
    const streams = async () => (await status()).streams.open;

    await write({ flags: first });
    await order('start?config=own');
    const client = await open(provider, places, more);
    const ask = (key = 'live') => client.ask('string', key);
    /** Checks what is told of an edit, and that the answer is the new one the next time. */
    const edited = async (name, changed, wanted) => {
        if (keys === undefined) {
            check(name, await until(ask, wanted), wanted);
            return;
        }
        const event = await client.next('ConfigurationChanged');
        check(`keys of ${name}`, event.keys ?? null, keys ? changed : null);
        check(name, await ask(), wanted);
    };

    check('first', await ask(), '"first" STATIC it');
    check('first again', await ask(), `"first" ${cached} it`);
    check('same', await ask('same'), '"same" STATIC it');

    await write({ flags: second });
    await edited('second', ['live'], '"second" STATIC it');
    check('same after an edit of another', await ask('same'), `"same" ${cached} it`);

    await write('{ "flags": { "live": ');
    check('a broken edit is refused', await until(refused, true), true);
    check('second after a broken edit', await ask(), `"second" ${cached} it`);

    await write({ flags: third });
    await edited('third', ['gone', 'live', 'new'], '"third" STATIC it');
    check('gone', await ask('gone'), 'default FLAG_NOT_FOUND');
    check('new', await ask('new'), '"new" STATIC it');
    check('edits that were told', client.count('ConfigurationChanged'), keys === undefined ? 0 : 2);

    await order('stop');
    for (const event of gone) {
        await client.next(event);
    }
    check('without a daemon', await ask(), alone);
    await write({ flags: fourth });
    await order('start?config=own');
    if (back) {
        await client.next(back);
        check('fourth, when it is back', await ask(), '"fourth" STATIC it');
    } else {
        check('fourth, when it is back', await until(ask, '"fourth" STATIC it'), '"fourth" STATIC it');
    }

    await order('stop');
    const [late, ready] = begin(provider, places, { ...more, deadlineMs: 200 });
    const begun = ready.then(() => 'is ready', () => 'fails');
    if (early.begins !== 'waits') {
        check('a provider begins without a daemon', await begun, early.begins);
    }
    await order('start?config=own');
    if (early.told) {
        await late.next(early.told);
    }
    check('streams to the daemon that is there at last', await until(streams, early.streams), early.streams);
    if (early.answer) {
        const answer = await late.ask('string', 'live', early.context);
        check('a provider that was there before the daemon', answer, early.answer);
    }
});
