// Techniques against who runs niwa-oci: control characters in what it writes (see control-characters.test.ts), and a link
// where it writes the pid of a container.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { NIWA_OCI } from '../integration/support/oci.js';
import { type Change, test } from './oci-attack.js';

const HOSTILE = 'x\x1b]0;owned\x07\u009b31m\u202eend';
const HARMFUL = /[\p{Cc}\u202e]/u;
const PRINTF = String.raw`printf "\033]0;owned\007"; exit 1`;

const CHANGES: Record<string, Change> = {
  'the program': ({ process }) => {
    process.args = [HOSTILE];
  },
  'the working directory': ({ process }) => {
    process.cwd = `/proc/${HOSTILE}`;
  },
  'an unknown field': (config) => {
    config[HOSTILE] = 1;
  },
  'the output of a hook': (config) => {
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', PRINTF] }] };
  },
};

test.for(Object.keys(CHANGES))(
  'control characters: %s brings none into the output of niwa-oci',
  async (what, { oci }) => {
    const bundle = await oci.bundle('true', CHANGES[what]);
    const { stderr } = await oci.run('run', '--bundle', bundle, oci.id());
    expect(stderr).toContain('owned');
    expect(stderr.replaceAll(/[\n\t]/g, '')).not.toMatch(HARMFUL);
    const { message } = await oci.make('create', '--bundle', bundle, oci.id());
    expect(message.replaceAll(/[\n\t]/g, '')).not.toMatch(HARMFUL);
  },
);

test('control characters: an annotation and a bundle bring none into what `state` and `list` write', async ({
  oci,
}) => {
  const id = oci.id();
  const made = await oci.bundle('exec sleep 1000', (config) => {
    config.annotations = { [HOSTILE]: HOSTILE };
  });
  const bundle = `${made}${HOSTILE}`;
  renameSync(made, bundle);
  expect(await oci.make('create', '--bundle', bundle, id)).toMatchObject({ exitCode: 0 });
  for (const words of [['state', id], ['list', '--format', 'json'], ['list']])
    expect((await oci.done(...words)).replaceAll('\n', '')).not.toMatch(HARMFUL);
  expect(await oci.state(id)).toMatchObject({ bundle, annotations: { [HOSTILE]: HOSTILE } });
  await oci.done('delete', '--force', id);
});

test('control characters: nor do the words of an exec', async ({ oci }) => {
  const id = oci.id();
  await oci.make('run', '--detach', '--bundle', await oci.bundle('exec sleep 1000'), id);
  const { stderr } = await oci.run('exec', '--cwd', `/${HOSTILE}`, id, 'true');
  await oci.done('delete', '--force', id);
  expect(stderr).toContain('owned');
  expect(stderr).not.toMatch(HARMFUL);
});

test('pid file: where it is written first, a link in a directory of others leads nowhere', async ({ oci, volume }) => {
  const [victim, directory] = [join(volume, 'victim'), join(volume, 'of-others')];
  writeFileSync(victim, 'as it was');
  mkdirSync(directory);
  const file = join(directory, 'pid');
  const id = oci.id();
  const bundle = await oci.bundle('exec sleep 1000');
  // the shell leaves its pid, with which the name of the first file ends, to niwa-oci
  const script = 'ln -s "$0" "$1.$$" && shift && exec "$@"';
  const words = [NIWA_OCI, '--niwad', oci.socket, 'run', '--detach', '--bundle', bundle, '--pid-file', file, id];
  await execa('sh', ['-c', script, victim, file, ...words], { stdio: 'ignore' });
  expect(readdirSync(directory)).toEqual(['pid']); // the link is no more
  expect(readFileSync(victim, 'utf8')).toBe('as it was');
  expect(Number(readFileSync(file, 'utf8'))).toBe((await oci.state(id)).pid);
  await oci.done('delete', '--force', id);
});
