// How a page asks again by OFREP: what it has already is not sent again, whether it listens to changes or polls.

const { check, order, run, until, write } = require('./program.js');
const { open } = require('./providers.js');

const flags = (value) => ({
    flags: { live: { state: 'ENABLED', variants: { it: value }, defaultVariant: 'it' } },
});

/** A fetch that notes status, condition and query of each question. */
function recorded() {
    const asked = [];
    const fetchImplementation = async (request) => {
        const [conditional, { searchParams }] = [request.headers.has('If-None-Match'), new URL(request.url)];
        const answer = await fetch(request);
        asked.push([answer.status, conditional, [...searchParams.keys()]]);
        return answer;
    };
    return [asked, fetchImplementation];
}

run(async (provider, places) => {
    await write(flags('first'));
    await order('start?config=own');

    const [polled, polling] = recorded();
    const more = { changeDetection: 'polling', pollInterval: 50 };
    const patient = await open(provider, places, { fetchImplementation: polling, ...more });
    check('the first question', polled.shift(), [200, false, []]);
    await until(() => polled.length > 0, true);
    check('polled without a change', polled.shift(), [304, true, []]);
    await write(flags('second'));
    check('keys of a change that was polled', (await patient.next('ConfigurationChanged')).keys, ['live']);
    check('its answer', await patient.ask('string', 'live'), '"second" STATIC it');
    const others = polled.filter(([status]) => status !== 304);
    check('polled with a change', others, [[200, true, []]]);

    const [told, listening] = recorded();
    // It listens after it is ready, and is told what it missed.
    const eager = await open(provider, places, { fetchImplementation: listening });
    await write(flags('third'));
    check('keys of a change that was told', (await eager.next('ConfigurationChanged')).keys, ['live']);
    check('its answer', await eager.ask('string', 'live'), '"third" STATIC it');
    check('asked after it was told', told.at(-1), [200, true, ['flagConfigEtag']]);
    check('nothing was asked for nothing', told.filter(([status]) => status === 200).length, 2);
});
