import type { ContainerDetails } from '../../protocol/container.js';
import { askAll, daemonCommand, print, withIds } from '../command.js';
import { containerFormat } from '../container-format.js';
import { printDocuments } from '../documents.js';
import { FORMAT_WORDS } from '../format/format.js';
import { psTable } from '../ps-table.js';

export const inspect = daemonCommand(
  'inspect <id..>',
  'Show the full status of containers',
  (yargs) =>
    withIds(yargs)
      .option('spec', {
        type: 'boolean',
        describe: 'print the spec alone, as a file for niwa run --file',
      })
      .option('format', { alias: 'f', type: 'string', conflicts: 'spec', describe: FORMAT_WORDS })
      .example('$0 inspect web --json', '')
      .example("$0 inspect --format '{{.exit.code}}' web", 'one field, by its name in the API')
      .example('$0 inspect --spec web > web.yaml', 'niwa run --name web-2 -f web.yaml makes another one'),
  async (client, { id, spec, format, json }) => {
    const chosen = format === undefined ? null : await containerFormat(format);
    const { answers, status } = await askAll(id, json, (one) => client.inspect(one));
    if (answers.length === 0) return status;
    if (spec === true) await printDocuments(json, await specsOf(answers));
    else if (format === undefined) await printDocuments(json, answers);
    else if (chosen?.table === null) print(false, answers, () => answers.map(chosen.line).join('\n'));
    else print(false, answers, () => chosen?.table?.(answers) ?? psTable(answers, Date.now(), { wide: true }));
    return status;
  },
);

/** Gives the specs of containers as a create takes them. */
async function specsOf(containers: readonly ContainerDetails[]): Promise<object[]> {
  const { writtenSpec } = await import('../../spec/written-spec.js');
  return containers.map((container) => writtenSpec(container.spec));
}
