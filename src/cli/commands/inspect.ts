import { askAll, daemonCommand, print, withIds } from '../command.js';
import { containerFormat } from '../container-format.js';
import { FORMAT_WORDS } from '../format/format.js';
import { psTable } from '../ps-table.js';

export const inspect = daemonCommand(
  'inspect <id..>',
  'Show the full status of containers',
  (yargs) =>
    withIds(yargs)
      .option('format', { alias: 'f', type: 'string', describe: FORMAT_WORDS })
      .example('$0 inspect web --json', '')
      .example("$0 inspect --format '{{.exit.code}}' web", 'one field, by its name in the API'),
  async (client, { id, format, json }) => {
    const chosen = format === undefined ? null : await containerFormat(format);
    const { answers, status } = await askAll(id, json, (one) => client.inspect(one));
    if (answers.length === 0) return status;
    if (format === undefined) await printDocuments(json, answers);
    else if (chosen?.table === null) print(false, answers, () => answers.map(chosen.line).join('\n'));
    else print(false, answers, () => chosen?.table?.(answers) ?? psTable(answers, Date.now(), { wide: true }));
    return status;
  },
);

/** Prints values as YAML, with `---` between them, or each as JSON. */
async function printDocuments(json: boolean, values: readonly object[]): Promise<void> {
  if (json) for (const value of values) print(true, value, () => '');
  else {
    const { stringify } = await import('yaml');
    const texts = values.map((value) => stringify(value, { aliasDuplicateObjects: false }).trimEnd());
    print(false, values, () => texts.join('\n---\n'));
  }
}
