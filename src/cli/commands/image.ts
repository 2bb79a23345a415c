import type { Argv, CommandModule } from 'yargs';
import type { ImageInfo } from '../../protocol/images.js';
import { formatBytes, formatDuration } from '../../protocol/units.js';
import { type AnyCommand, askAll, type Common, daemonCommand, forEach, print } from '../command.js';
import { isConfirmed } from '../confirm.js';
import { printDocuments } from '../documents.js';
import { EXIT } from '../exit-codes.js';
import { showImport } from '../image-progress.js';
import { pull as pullLayout } from '../image-pull.js';
import { saveTo } from '../image-save.js';
import { openSource } from '../image-source.js';
import { Table } from '../table.js';
import { withForce } from './prune.js';

const withName = (yargs: Argv<Common>) =>
  yargs.positional('name', { type: 'string', demandOption: true, describe: 'the name of an image' });

const withNames = (yargs: Argv<Common>) =>
  yargs.positional('name', { type: 'string', array: true, demandOption: true, describe: 'names of images' });

/** The length of a digest as it is shown. */
const SHORT_ID = 'sha256:'.length + 12;

const importCommand = daemonCommand(
  'import <path> [name]',
  'Import an image: an OCI image layout (directory or tar), or the output of `docker save`',
  (yargs) =>
    yargs
      .positional('path', {
        type: 'string',
        demandOption: true,
        describe: 'a tar, a directory, or - for a tar on standard input',
      })
      .positional('name', { type: 'string', describe: 'the name of the image (default: the names in the file)' })
      .example('$0 image import app.tar', 'with the names in the file')
      .example('docker save app | $0 image import - app:1.2', 'from Docker'),
  (client, { path, name, json }) => showImport(client, openSource(path), name, json),
);

const pull = daemonCommand(
  'pull <reference> [name]',
  'Pull an image from a registry, and import it; needs the program skopeo',
  (yargs) =>
    yargs
      .positional('reference', {
        type: 'string',
        demandOption: true,
        describe: 'the image, such as docker.io/library/alpine:3.20',
      })
      .positional('name', { type: 'string', describe: 'the name of the image (default: the reference)' })
      .option('tls-verify', {
        type: 'boolean',
        default: true,
        describe: 'check the certificate of the registry; --no-tls-verify for a registry without TLS',
      })
      .example('$0 image pull quay.io/libpod/alpine:latest alpine', ''),
  async (client, { reference, name, tlsVerify, json }) => {
    const pulled = await pullLayout(reference, { tlsVerify });
    try {
      await showImport(client, openSource(pulled.directory), name ?? pulled.name, json);
    } finally {
      pulled.remove();
    }
    return 0;
  },
);

const ls = daemonCommand(
  'ls',
  'List images',
  (yargs) => yargs.option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'print only names' }),
  async (client, { quiet, json }) => {
    const listed = await client.images();
    print(json, listed, () => (quiet ? listed.map(({ name }) => name).join('\n') : imageTable(listed, Date.now())));
    return 0;
  },
);

const inspect = daemonCommand(
  'inspect <name..>',
  'Show images: their names, their layers, and what their containers get from them',
  (yargs) => withNames(yargs).example('$0 image inspect alpine --json', ''),
  async (client, { name, json }) => {
    const { answers, status } = await askAll(name, json, (one) => client.inspectImage(one));
    await printDocuments(json, answers);
    return status;
  },
);

const tag = daemonCommand(
  'tag <name> <new>',
  'Give an image one more name; an image that had this name loses it',
  (yargs) =>
    withName(yargs)
      .positional('new', { type: 'string', demandOption: true, describe: 'the new name' })
      .example('$0 image tag app:latest app:1.2', ''),
  async (client, { name, new: added, json }) => {
    const tagged = await client.tagImage(name, added);
    print(json, tagged, () => tagged.name);
    return EXIT.ok;
  },
);

const save = daemonCommand(
  'save <name>',
  'Write an image as a tar: an OCI image layout, for niwa image import, skopeo, podman load and docker load',
  (yargs) =>
    withName(yargs)
      .option('output', { alias: 'o', type: 'string', describe: 'the file (default: standard output)' })
      .example('$0 image save app -o app.tar', '')
      .example('$0 image save app | ssh other niwa image import -', 'to another node'),
  async (client, { name, output }) => {
    await saveTo(output, () => client.saveImage(name));
    return EXIT.ok;
  },
);

const prune = daemonCommand(
  'prune',
  'Remove the images that no container, also no exited one, and no service uses',
  (yargs) => withForce(yargs).example('$0 prune -f && $0 image prune -f', 'also those of ended containers'),
  async (client, { force, json }) => {
    if (!(await isConfirmed('all images that neither containers nor services use', force))) return EXIT.failed;
    const pruned = await client.pruneImages();
    print(json, pruned, () => [...pruned.removed, `${formatBytes(pruned.freed_bytes)} freed`].join('\n'));
    return EXIT.ok;
  },
);

const rm = daemonCommand(
  'rm <name..>',
  'Remove names of images, and the layers that no other image and no container uses',
  withNames,
  (client, { name, json }) =>
    forEach(name, json, async (one) => {
      await client.removeImage(one);
      return undefined;
    }),
);

/** The commands of `niwa image`. */
export const IMAGE_COMMANDS = [importCommand, pull, ls, inspect, tag, save, rm, prune] as AnyCommand[];

export const image: CommandModule<Common, Common> = {
  command: 'image <command>',
  describe: 'Import, pull, list, save and remove images',
  builder: (yargs: Argv<Common>) =>
    IMAGE_COMMANDS.reduce((all, one) => all.command(one), yargs).demandCommand(1, 'Name a command of image.'),
  handler: () => {},
};

/** Makes the table of images; `now` in milliseconds since 1970. */
export function imageTable(listed: readonly ImageInfo[], now: number): Table {
  const columns = [
    { heading: 'NAME', least: 20 },
    { heading: 'ID' },
    { heading: 'SIZE', right: true },
    { heading: 'LAYERS', right: true, spare: 3 },
    { heading: 'CREATED', spare: 2 },
    { heading: 'IMPORTED', spare: 1 },
  ];
  const age = (time: string | null) =>
    time === null ? '-' : `${formatDuration(Math.max(0, now - Date.parse(time)) * 1000)} ago`;
  const rows = listed.map(({ name, id, bytes, layers, created_at, imported_at }) => [
    name,
    id.slice('sha256:'.length, SHORT_ID),
    formatBytes(bytes),
    String(layers.length),
    age(created_at),
    age(imported_at),
  ]);
  return new Table(columns, rows);
}
