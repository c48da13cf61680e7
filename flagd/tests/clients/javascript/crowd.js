// Many questions at once, large ones, and edits in between.

const { check, order, run, until, write } = require('./program.js');
const { open } = require('./providers.js');

const count = 400;
const edits = 19;
const [even, odd] = ['"even" TARGETING_MATCH even', '"odd" DEFAULT odd'];

/** Flags of which `live` has the number of its edit. */
const flags = (edit) => ({
    flags: {
        live: { state: 'ENABLED', variants: { it: edit }, defaultVariant: 'it' },
        'by-name': {
            state: 'ENABLED',
            variants: { even: 'even', odd: 'odd' },
            defaultVariant: 'odd',
            targeting: { if: [{ ends_with: [{ var: 'name' }, '0'] }, 'even', null] },
        },
    },
});

/** How often each answer was given. */
function counted(answers) {
    const counts = {};
    for (const answer of answers) {
        counts[answer] = (counts[answer] ?? 0) + 1;
    }
    return Object.entries(counts).toSorted();
}

run(async (provider, places) => {
    await write(flags(0));
    await order('start?config=own');
    const client = await open(provider, places);

    const asked = Array.from({ length: count }, (_, at) => client.ask('string', 'by-name', { name: `${at % 2}`, at }));
    const half = count / 2;
    check('at once', counted(await Promise.all(asked)), [
        [even, half],
        [odd, half],
    ]);

    const padded = (length) => client.ask('string', 'by-name', { name: '0', pad: 'x'.repeat(length) });
    check('a large context', await padded(900_000), even);
    // There is none where the client evaluates for itself.
    const tooLarge = provider.includes('in-process') ? even : 'default GENERAL';
    check('a context over the limit of a request', await padded(1_100_000), tooLarge);
    check('after it', await padded(0), even);

    // Every answer is that of an edit, and none is of an edit before one that was seen.
    let [last, backwards, others, ended] = [0, 0, 0, false];
    const asking = (async () => {
        while (!ended) {
            const [, edit] = /^(\d+) STATIC it$/.exec(await client.ask('number', 'live')) ?? [];
            others += edit === undefined;
            backwards += Number(edit) < last;
            last = Number(edit);
            // What comes from the daemon is heard in between.
            await new Promise(setImmediate);
        }
    })();
    for (let edit = 1; edit <= edits; edit += 1) {
        await write(edit % 5 === 0 ? '{ broken' : flags(edit));
    }
    const wanted = `${edits} STATIC it`;
    check('the last edit', await until(() => client.ask('number', 'live'), wanted), wanted);
    ended = true;
    await asking;
    check('answers while flags change', { backwards, others }, { backwards: 0, others: 0 });
});
