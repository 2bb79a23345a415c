import { daemonCommand, print, withFilter } from '../command.js';
import { usageCsv, usageTable } from '../usage-table.js';

export const usage = daemonCommand(
  'usage',
  'Show what was used in a period, from the ledger',
  (yargs) =>
    withFilter(yargs)
      .option('by', { type: 'string', default: 'container', describe: 'a row for each container, owner or label:NAME' })
      .option('since', { type: 'string', describe: 'from then on: "24h" ago, 2026-11-01, 2026-11-01T12:00:00Z' })
      .option('until', { type: 'string', describe: 'before then' })
      .option('format', { type: 'string', choices: ['table', 'json', 'csv'] as const, default: 'table' })
      .example('$0 usage --since 24h', '')
      .example('$0 usage --by owner --since 2026-10-01 --until 2026-11-01 --format csv', 'October, UTC')
      .example('$0 usage --by label:job --owner alice --json', ''),
  async (client, { by, since, until, owner, label, format, json }) => {
    const period = { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) };
    const answer = await client.usage({ by, owner, label, ...period });
    if (answer.skipped_lines > 0)
      process.stderr.write(`niwa: ${answer.skipped_lines} damaged lines of the ledger are not in these sums\n`);
    print(json || format === 'json', answer, () => (format === 'csv' ? usageCsv(answer) : usageTable(answer)));
  },
);
