// What a provider answers: every type, reason, error and kind of context.

const { check, order, run, write } = require('./program.js');
const { open } = require('./providers.js');
const flags = require('./flags.json');

const home = { email: 'jo@example.com' };
const away = { email: 'jo@example.org' };

// Type, flag, context; value, reason or error code, variant. `default` is what the caller gave.
const cases = [
    ['boolean', 'true', {}, 'true STATIC on'],
    ['string', 'text', {}, '"日本 <&> \\"ü\\"" STATIC a'],
    ['number', 'whole', {}, '10 STATIC ten'],
    ['number', 'large', {}, '9007199254740991 STATIC max'],
    ['number', 'half', {}, '0.5 STATIC half'],
    ['number', 'small', {}, '-1.5e-7 STATIC tiny'],
    ['object', 'object', {}, '{"deep":{"list":[1,"x",null,{"y":true}]},"empty":{}} STATIC full'],
    ['boolean', 'schlüssel mit leerzeichen', {}, 'true STATIC on'],
    ['boolean', 'path/like', {}, 'true STATIC on'],

    ['boolean', 'false', {}, 'false STATIC zero'],
    ['string', 'no-text', {}, '"" STATIC zero'],
    ['number', 'zero', {}, '0 STATIC zero'],
    ['object', 'no-members', {}, '{} STATIC zero'],

    ['string', 'at-home', home, '"yes" TARGETING_MATCH yes'],
    ['string', 'at-home', away, '"no" DEFAULT no'],
    ['string', 'at-home', {}, '"no" DEFAULT no'],
    ['boolean', 'false-at-home', home, 'false TARGETING_MATCH no'],
    ['string', 'for-key', { targetingKey: 'jo' }, '"yes" TARGETING_MATCH yes'],
    ['string', 'for-key', { targetingKey: '' }, '"no" TARGETING_MATCH no'],
    ['string', 'for-itself', {}, '"yes" TARGETING_MATCH yes'],
    ['string', 'for-now', {}, '"yes" TARGETING_MATCH yes'],
    ['string', 'injected', {}, '"yes" TARGETING_MATCH yes'],
    ['string', 'injected', { injectedmetadata: 'of the caller' }, '"yes" TARGETING_MATCH yes'],
    ['string', 'nested', { user: { plan: { name: 'pro' }, paid: true } }, '"yes" TARGETING_MATCH yes'],
    ['string', 'nested', { user: { plan: { name: 'pro' }, paid: 1 } }, '"no" TARGETING_MATCH no'],
    ['string', 'listed', { roles: ['user', 'admin'] }, '"yes" TARGETING_MATCH yes'],
    ['string', 'listed', { roles: [] }, '"no" TARGETING_MATCH no'],
    ['string', 'counted', { age: 30 }, '"yes" TARGETING_MATCH yes'],
    ['string', 'counted', { age: '30' }, '"no" TARGETING_MATCH no'],
    ['string', 'dated', { since: new Date('2026-01-02T03:04:05Z') }, '"yes" TARGETING_MATCH yes'],
    ['string', 'version', { version: 'v2.1.0' }, '"new" TARGETING_MATCH new'],
    ['string', 'version', { version: '2.1.0-beta' }, '"old" TARGETING_MATCH old'],
    ['string', 'version', { version: null }, '"old" TARGETING_MATCH old'],
    ['string', 'split', { targetingKey: 'jo' }, '"G" TARGETING_MATCH g'],
    ['string', 'split', { targetingKey: 'c' }, '"B" TARGETING_MATCH b'],
    ['string', 'split', { targetingKey: 'jürgen' }, '"G" TARGETING_MATCH g'],
    ['string', 'split', { targetingKey: '日本' }, '"B" TARGETING_MATCH b'],
    ['string', 'split', {}, '"R" DEFAULT r'],

    ['boolean', 'off', {}, 'default DISABLED'],
    ['string', 'off-text', {}, 'default DISABLED'],
    ['number', 'off-whole', {}, 'default DISABLED'],
    ['object', 'off-object', {}, 'default DISABLED'],
    ['boolean', 'null-default', {}, 'default DEFAULT'],
    ['number', 'no-default', {}, 'default DEFAULT'],
    ['string', 'no-default-at-home', home, '"yes" TARGETING_MATCH yes'],
    ['string', 'no-default-at-home', away, 'default DEFAULT'],

    ['boolean', 'missing', {}, 'default FLAG_NOT_FOUND'],
    ['boolean', '', {}, 'default FLAG_NOT_FOUND'],
    ['boolean', 'text', {}, 'default TYPE_MISMATCH'],
    ['string', 'true', {}, 'default TYPE_MISMATCH'],
    ['number', 'text', {}, 'default TYPE_MISMATCH'],
    ['object', 'whole', {}, 'default TYPE_MISMATCH'],
    ['string', 'object', {}, 'default TYPE_MISMATCH'],
    ['string', 'unknown-operator', {}, 'default PARSE_ERROR'],
    ['string', 'unknown-variant', {}, 'default GENERAL'],
];

// What is told beside the answers: the flag's own, and that of its flag set.
const metadata = [
    ['boolean', 'true', { beta: true, level: 1.5, owner: 'jo', priority: 2, team: 'checkout' }],
    ['string', 'text', { priority: 2, team: 'checkout' }],
    ['boolean', 'off', { priority: 2, team: 'checkout' }],
];

// Where a generation of the protocol, or a client for itself, differs from the newest.

// A date is written as an object without members.
const datesAreLost = { 'dated {"since":"2026-01-02T03:04:05.000Z"}': '"no" TARGETING_MATCH no' };

// The protocol before v2 had no way to leave a value out.
const zeroWhereDisabled = {
    'off {}': 'false DISABLED',
    'off-text {}': '"" DISABLED',
    'off-whole {}': '0 DISABLED',
    'off-object {}': '{} DISABLED',
};
const notFoundWithoutDefault = {
    'null-default {}': 'default FLAG_NOT_FOUND',
    'no-default {}': 'default FLAG_NOT_FOUND',
    'no-default-at-home {"email":"jo@example.org"}': 'default FLAG_NOT_FOUND',
};
const beforeV2 = { ...datesAreLost, ...zeroWhereDisabled, ...notFoundWithoutDefault };

// All flags at once: those without a default variant are left out, and those whose rule fails are zero.
const allAtOnce = {
    ...beforeV2,
    'no-default-at-home {"email":"jo@example.com"}': 'default FLAG_NOT_FOUND',
    'unknown-operator {}': '"" ERROR',
    'unknown-variant {}': '"" ERROR',
    // Clients drop all metadata.
    'metadata of true': {},
    'metadata of text': {},
    'metadata of off': {},
};

const except = {
    'rpc': datesAreLost,
    'in-process': {
        // The client refuses to compare a date with a text.
        'dated {"since":"2026-01-02T03:04:05.000Z"}': 'default GENERAL',
        // The client hashes UTF-16 units, and the daemon bytes of UTF-8, as the reference.
        'split {"targetingKey":"日本"}': '"G" TARGETING_MATCH g',
    },
    'web': allAtOnce,
    'ofrep': {
        // The client does not escape the key in the path; nor does a path without a key name a flag.
        'path/like {}': 'default GENERAL',
        ' {}': 'default GENERAL',
        // The client wants a value in each answer.
        'off {}': 'default GENERAL',
        'off-text {}': 'default GENERAL',
        'off-whole {}': 'default GENERAL',
        'off-object {}': 'default GENERAL',
        'null-default {}': 'default GENERAL',
        'no-default {}': 'default GENERAL',
        'no-default-at-home {"email":"jo@example.org"}': 'default GENERAL',
        'metadata of off': {},
    },
    'evaluation-v1': beforeV2,
    'evaluation-v1-in-process': {
        ...datesAreLost,
        ...notFoundWithoutDefault,
        // The client takes flags that are disabled for missing.
        'off {}': 'default FLAG_NOT_FOUND',
        'off-text {}': 'default FLAG_NOT_FOUND',
        'off-whole {}': 'default FLAG_NOT_FOUND',
        'off-object {}': 'default FLAG_NOT_FOUND',
        // The client has the buckets of that time.
        'split {"targetingKey":"jo"}': '"B" TARGETING_MATCH b',
        'split {"targetingKey":"c"}': '"R" TARGETING_MATCH r',
        'split {"targetingKey":"jürgen"}': '"B" TARGETING_MATCH b',
    },
    'schema-v1': beforeV2,
    'schema-v1-web': allAtOnce,
};

run(async (provider, places) => {
    await write(flags);
    await order('start?config=own');
    const client = await open(provider, places);
    const wantedOf = (name, wanted) => except[provider]?.[name] ?? wanted;
    for (const [type, key, context, wanted] of cases) {
        const name = `${key} ${JSON.stringify(context)}`;
        check(`${name} as ${type}`, await client.ask(type, key, context), wantedOf(name, wanted));
    }
    for (const [type, key, wanted] of metadata) {
        const name = `metadata of ${key}`;
        check(name, await client.metadata(type, key), wantedOf(name, wanted));
    }
});
