// A program that checks a client: what it prints, how it waits, what it tells its launcher.

const patience = 30_000;

/** Says whether something is as it should be; both sides are compared as JSON. */
function check(name, found, wanted) {
    const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
    console.log(left === right ? `ok ${name}` : `not ok ${name}: ${left}, not ${right}`);
}

/** Waits until a promise is done. */
function within(promise, what) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`waited too long: ${what}`)), patience);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Asks again and again, for what no event tells; answers with what was found last. */
async function until(ask, wanted) {
    const end = Date.now() + patience;
    for (;;) {
        const found = await ask();
        if (JSON.stringify(found) === JSON.stringify(wanted) || Date.now() > end) {
            return found;
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

/** Gives the launcher an order, and waits until it is so. */
async function order(text, body) {
    const answer = await fetch(`${process.env.LAUNCHER}/${text}`, { method: 'POST', body });
    if (!answer.ok) {
        throw new Error(`${text}: ${await answer.text()}`);
    }
}

/** Writes the flags that the configuration `own` serves. */
const write = (flags) => order('write?file=own.json', typeof flags === 'string' ? flags : JSON.stringify(flags));

/** Runs a program with what was named on its command line, and with the launcher's places. */
async function run(main) {
    process.on('unhandledRejection', (error) => console.log('unhandled', error));
    try {
        const places = await (await fetch(process.env.LAUNCHER)).json();
        await main(process.argv[2], places);
    } catch (error) {
        console.log(error);
        process.exit(1);
    }
    process.exit(0);
}

module.exports = { check, order, run, until, within, write };
