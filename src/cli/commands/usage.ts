import type { UsageAnswer, UsageRow } from '../../protocol/usage-sums.js';
import { daemonCommand, print, withFilter } from '../command.js';
import { escaped } from '../text.js';
import { usageCsv, usageTable } from '../usage-table.js';
import { toCount } from '../values.js';

export const usage = daemonCommand(
  'usage',
  'Show the usage of a period, summed from the ledger',
  (yargs) =>
    withFilter(yargs)
      .option('by', {
        type: 'string',
        default: 'container',
        describe: 'a row for each container, engine-id, owner, service or label:NAME',
      })
      .option('since', {
        type: 'string',
        describe: 'the begin of the period: 24h (ago), 2026-11-01 or 2026-11-01T12:00:00Z',
      })
      .option('until', { type: 'string', describe: 'the end of the period, in the same forms (default: now)' })
      .option('limit', { type: 'string', describe: 'the most rows to show' })
      .option('after', {
        type: 'string',
        describe: 'only rows after this key, as a niwa usage with --limit has told it',
      })
      .option('format', { type: 'string', choices: ['table', 'json', 'csv'] as const, default: 'table' })
      .example('$0 usage --since 24h', '')
      .example('$0 usage --by owner --since 2026-10-01 --until 2026-11-01 --format csv', 'October, UTC')
      .example('$0 usage --by service --owner alice', 'the services of a customer')
      .example('$0 usage --by engine-id', 'the containers of podman, Docker or containerd, by their ids there')
      .example('$0 usage --by label:job --owner alice --json', ''),
  async (client, { by, since, until, owner, service, label, format, json, limit, after }) => {
    const most = limit === undefined ? undefined : toCount('--limit', limit, 1);
    const given = Object.entries({ since, until, limit: most, after }).filter(([, value]) => value !== undefined);
    const pages = client.usagePages({ by, owner, service, label, ...Object.fromEntries(given) });
    const last = await (json || format === 'json'
      ? printJson(pages)
      : format === 'csv'
        ? printCsv(pages)
        : printTable(pages));
    if (last.isEmpty && !json && format === 'table') process.stderr.write(`niwa: ${NO_RECORD}\n`);
    if (last.skipped_lines > 0)
      process.stderr.write(`niwa: ${last.skipped_lines} damaged lines of the ledger are not in these sums\n`);
    if (last.next !== null) process.stderr.write(`niwa: there is more: --after ${last.next}\n`);
  },
);

type Page = UsageAnswer & { next: string | null };
type Pages = AsyncIterable<Page>;
type Last = Page & { isEmpty: boolean };

const NO_RECORD =
  'no record of this period: the ledger has one of a run at its end, and each interimIntervalMs of niwad (10 minutes) before; `niwa stats` shows what runs now';

/** Prints pages as CSV as they come; gives the last page. */
async function printCsv(pages: Pages): Promise<Last> {
  return await eachOf(pages, (page, first) => {
    const lines = usageCsv(page, { headings: first });
    if (lines !== '') process.stdout.write(`${escaped(lines)}\n`);
  });
}

/** Prints all pages as one table, after the last page: each column is as wide as its widest cell. */
async function printTable(pages: Pages): Promise<Last> {
  const rows: UsageRow[][] = [];
  const last = await eachOf(pages, (page) => rows.push(page.rows));
  print(false, null, () => usageTable({ ...last, rows: rows.flat() }));
  return last;
}

async function printJson(pages: Pages): Promise<Last> {
  let comma = '';
  const last = await eachOf(pages, ({ since, until, by, rows }, first) => {
    if (first)
      process.stdout.write(`${escaped(JSON.stringify({ since, until, by }, null, 2)).slice(0, -2)},\n  "rows": [`);
    for (const row of rows) {
      process.stdout.write(`${comma}\n    ${escaped(JSON.stringify(row))}`);
      comma = ',';
    }
  });
  process.stdout.write(`${comma === '' ? '' : '\n  '}],\n  "skipped_lines": ${last.skipped_lines}\n}\n`);
  return last;
}

/** Gives the last page, and whether no page had a row. */
async function eachOf(pages: Pages, take: (page: Page, first: boolean) => unknown): Promise<Last> {
  let last: Page | null = null;
  let isEmpty = true;
  for await (const page of pages) {
    take(page, last === null);
    last = page;
    isEmpty &&= page.rows.length === 0;
  }
  return { ...(last as unknown as Page), isEmpty }; // there is always at least one page
}
