// @ts-check
// `npm run bench`: measures niwa beside the floors and other runtimes, and writes a table. It never fails because of a
// time, but with --against another revision.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { against } from './against.mjs';
import { chain } from './chain.mjs';
import { cleaningUp } from './harness/cleanup.mjs';
import { conditions } from './harness/machine.mjs';
import { installPeers } from './harness/peers.mjs';
import { Place } from './harness/place.mjs';
import { intoDocument, makeRow, toMarkdown, toTable } from './harness/report.mjs';

const PROJECT = join(import.meta.dirname, '../..');
const FAMILIES = [
  ...['start', 'socket', 'throughput', 'full', 'crowd', 'idle'],
  ...['endings', 'api', 'logs', 'services', 'oci'],
];
const ROUNDS = 600;
const WARM_STARTS = 3000;
const WARM_THREADS = 4;
const HELP = `npm run bench -- [--quick] [--only ${FAMILIES.join(',')}] [--peers] [--out DIR] [--write-docs] [--least]

  --quick       fewer rounds, 100 containers for 1,000: under two minutes
  --only LIST   only these families of rows
  --peers       also crun, runc, bubblewrap, podman, systemd-nspawn; installs their Debian packages
  --out DIR     where bench.md and bench.json go (default: bench-results)
  --write-docs  also puts the table into docs/performance.md
  --least       only shows that it works: next to no rounds

npm run bench -- --against REV [--rounds N] [--out DIR]

  --against REV  builds the revision REV of git in a temporary worktree, and measures it beside this build, one start after
                 the other: a plain root, an image, a bridge, and how long niwad takes to get ready. REV runs twice, to know
                 how much it differs from itself. Exits with 1 where this build is slower by more than that and 3 %
  --rounds N     so many starts of each kind (default: ${ROUNDS}); for niwad a tenth of it
  --out DIR      where against.json goes (default: bench-results)

  npm run bench -- --against main
  npm run bench -- --against HEAD~1 --rounds 2000

npm run bench -- --chain REV,REV,... [--rounds N] [--running N] [--out DIR]

  --chain LIST   builds several revisions, the steps of a change, and measures them in turns: a start through the socket, 16 at
                 once, and the processor time of niwad for a start. The first runs twice: what it differs from itself is noise
  --rounds N     so many starts of each (default: ${ROUNDS})
  --running N    so many idle containers in each niwad meanwhile (default: 0)
  --out DIR      where chain.md and chain.json go (default: bench-results)

  npm run bench -- --chain HEAD~2,HEAD~1,HEAD --running 200

As root, after \`npm run build\`. Times need a quiet machine; ratios are of the same seconds.`;

/**
 * What a family of rows is given.
 * @typedef {object} Context
 * @property {Place} place
 * @property {(rounds: number, count: number) => { rounds: number, count: number }} much how often to measure, by how
 * much time
 *   there is
 * @property {(count: number) => number} many how many containers, likewise
 * @property {(niwa: import('./harness/order.mjs').Measure) => Promise<unknown>} warm starts so many containers that niwad is
 *   as fast as it gets: V8 has optimized what a start needs
 * @property {(input: import('./harness/report.mjs').RowInput) => void} row tells a row
 * @property {boolean} quick
 * @property {boolean} peers
 */

/** @typedef {{ quick: boolean, least: boolean, peers: boolean }} Choice */

/**
 * Measures one family.
 * @param {string} family
 * @param {Choice} choice
 * @returns {Promise<import('./harness/report.mjs').Row[]>}
 */
async function measureFamily(family, { quick, least, peers }) {
  /** @type {import('./harness/report.mjs').Row[]} */
  const rows = [];
  const { measure } = await import(`./rows/${family}.mjs`);
  const share = least ? 0.01 : quick ? 0.1 : 1;
  const place = new Place();
  const many = (/** @type {number} */ count) => Math.max(3, Math.round(count * share));
  /** @type {Context} */
  const context = {
    place,
    many,
    warm: (niwa) => niwa(many(WARM_STARTS), WARM_THREADS),
    much: (rounds, count) => ({
      rounds: Math.max(1, Math.ceil(rounds * (quick ? 0.3 : 1) * (least ? 0.1 : 1))),
      count: least ? 3 : count,
    }),
    row: (input) => {
      const row = makeRow(family, input);
      rows.push(row);
      const { what, subject, measured, ratio, unit, note } = row;
      const figure = measured === null ? '-' : `${measured.median.toFixed(1)} ${unit}`;
      console.log(`${what} | ${subject} | ${figure} | ${ratio === null ? '-' : ratio.toFixed(2)} | ${note}`);
    },
    quick: quick || least,
    peers,
  };
  await cleaningUp(
    () => place.remove(),
    () => measure(context),
  );
  return rows;
}

/**
 * @param {string} name of an option
 * @param {string} text
 * @param {number} least
 */
function toNumber(name, text, least) {
  const count = Number(text);
  if (!Number.isInteger(count) || count < least) throw new Error(`--${name} needs a number, not ${text}`);
  return count;
}

async function main() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      least: { type: 'boolean', default: false },
      only: { type: 'string', default: FAMILIES.join(',') },
      peers: { type: 'boolean', default: false },
      out: { type: 'string', default: join(PROJECT, 'bench-results') },
      'write-docs': { type: 'boolean', default: false },
      against: { type: 'string' },
      chain: { type: 'string' },
      running: { type: 'string', default: '0' },
      rounds: { type: 'string', default: String(ROUNDS) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const { out } = values;
  const rounds = toNumber('rounds', values.rounds, 1);
  if (values.chain !== undefined)
    return await chain(values.chain.split(','), { rounds, running: toNumber('running', values.running, 0), out });
  if (values.against !== undefined) {
    process.exitCode = (await against(values.against, { rounds, out })) ? 1 : 0;
    return;
  }
  const families = values.only.split(',');
  const unknown = families.filter((family) => !FAMILIES.includes(family));
  if (unknown.length > 0) throw new Error(`no such rows: ${unknown.join(', ')}; there are ${FAMILIES.join(', ')}`);
  if (values.peers) installPeers();
  const facts = { ...conditions(PROJECT), run: `npm run bench -- ${process.argv.slice(2).join(' ')}`.trim() };
  const rows = [];
  for (const family of families) rows.push(...(await measureFamily(family, values)));
  const told = {
    ...facts,
    'load at the end': loadavg()
      .map((load) => load.toFixed(2))
      .join(' '),
  };
  mkdirSync(values.out, { recursive: true });
  writeFileSync(join(values.out, 'bench.json'), `${JSON.stringify({ conditions: told, rows }, null, 2)}\n`);
  writeFileSync(join(values.out, 'bench.md'), toMarkdown(told, rows));
  console.log(`\n${toTable(rows)}\n\nin ${values.out}`);
  if (!values['write-docs']) return;
  const path = join(PROJECT, 'docs/performance.md');
  writeFileSync(path, intoDocument(readFileSync(path, 'utf8'), toMarkdown(told, rows)));
}

await main();
process.exit(); // the addon's threads keep the process alive
