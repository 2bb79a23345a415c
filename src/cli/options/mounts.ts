import { resolve } from 'node:path';
import type { Argv } from 'yargs';
import type { SpecInput } from '../../protocol/spec.js';
import { VOLUME_NAME_PATTERN } from '../../protocol/volumes.js';
import { didYouMean } from '../../spec/nearest.js';
import type { Common } from '../command.js';
import { wrong } from '../values.js';
import { text, texts } from './declare.js';
import { defined } from './fields.js';
import { inOwnUnits } from './limits.js';

type MountInput = NonNullable<SpecInput['mounts']>[number];

/** Declares the flags of mounts. */
export function withMounts<O extends Common>(yargs: Argv<O>) {
  const mount = 'type=bind|tmpfs|volume,source=SOURCE,target=TARGET[,readonly]: the same in words';
  const volume =
    'SOURCE:TARGET[:ro][,rslave][,idmap=false]: mount a directory or file of the host, or NAME:TARGET[:ro] a volume';
  return yargs
    .option('volume', { alias: 'v', ...texts(volume) })
    .option('mount', texts(mount))
    .option('tmpfs', texts('TARGET[:size=BYTES]: mount a file system in memory'))
    .option('shm-size', text('the size of /dev/shm, such as 1G (default: 64M)'));
}

const VOLUME_OPTIONS = new Map<string, object>([
  ['ro', { readonly: true }],
  ['rw', { readonly: false }],
  ['rslave', { propagation: 'rslave' }],
  ['idmap=true', { idmap: true }],
  ['idmap=false', { idmap: false }],
]);

/** Reads SOURCE:TARGET[:OPTION,...]. @throws NiwaError SPEC_INVALID */
export function toVolume(value: string): MountInput {
  const [source, target, words, ...rest] = value.split(':');
  const options = words === undefined ? [] : words.split(',').map((word) => VOLUME_OPTIONS.get(word));
  if (source === undefined || target === undefined || rest.length > 0 || options.includes(undefined))
    return wrong(
      '--volume',
      value,
      `SOURCE:TARGET, or SOURCE:TARGET:OPTION,... of ${[...VOLUME_OPTIONS.keys()].join(', ')}`,
    );
  const isVolume = new RegExp(VOLUME_NAME_PATTERN).test(source); // a path has a slash
  const named = isVolume ? { type: 'volume', source } : { type: 'bind', source: absolute(source) };
  return Object.assign({ ...named, target, readonly: false }, ...options);
}

/** What every tmpfs of a container is already, or the mode that it has. */
const USUAL_OF_TMPFS = ['rw', 'nosuid', 'nodev', 'mode=1777', 'mode=01777'];

/** Reads TARGET[:OPTION,...]. @throws NiwaError SPEC_INVALID */
export function toTmpfs(value: string): MountInput {
  const [target = '', words, ...rest] = value.split(':');
  const options = words === undefined ? [] : words.split(',').filter((word) => !USUAL_OF_TMPFS.includes(word));
  const sizes = options.filter((word) => word.startsWith('size='));
  const others = options.filter((word) => !sizes.includes(word) && word !== 'ro');
  if (target === '' || rest.length > 0 || others.length > 0 || sizes.length > 1)
    return wrong('--tmpfs', value, 'TARGET or TARGET:size=BYTES[,ro], such as /tmp:size=16M');
  const size = inOwnUnits(sizes[0]?.slice('size='.length));
  return defined({ type: 'tmpfs', target, size, readonly: options.includes('ro') ? true : undefined }) as MountInput;
}

/** The words of `--mount`, and the names under which Docker has them too. */
const MOUNT_WORDS: Record<string, string> = {
  type: 'type',
  source: 'source',
  src: 'source',
  target: 'target',
  dst: 'target',
  destination: 'target',
  readonly: 'readonly',
  ro: 'readonly',
  'tmpfs-size': 'size',
  'bind-propagation': 'propagation',
  idmap: 'idmap',
};

/** Reads `type=bind|tmpfs|volume,source=...,target=...[,readonly]`. @throws NiwaError SPEC_INVALID */
export function toMount(value: string): MountInput {
  const fields = Object.fromEntries(value.split(',').map((word) => mountField(value, word)));
  if (fields.target === undefined) wrong('--mount', value, 'type=bind|tmpfs|volume,source=PATH,target=PATH[,readonly]');
  const { type = 'volume', ...rest } = fields;
  return { type, ...rest } as MountInput;
}

function mountField(value: string, word: string): [string, unknown] {
  const [name = '', ...texts] = word.split('=');
  const text = texts.join('=');
  const field = Object.hasOwn(MOUNT_WORDS, name) ? MOUNT_WORDS[name] : undefined;
  if (field === undefined) {
    const known = Object.keys(MOUNT_WORDS);
    return wrong('--mount', value, `a list of ${known.join(', ')}${didYouMean(name, known)}`);
  }
  if (field === 'readonly' || field === 'idmap') return [field, isTrue(value, text)];
  if (text === '') return wrong('--mount', value, `${name}=VALUE`);
  if (field === 'source') return [field, absolute(text)];
  if (field === 'size') return [field, inOwnUnits(text)];
  return [field, field === 'propagation' && text === 'rprivate' ? 'private' : text];
}

function isTrue(value: string, text: string): boolean {
  if (['', 'true', '1'].includes(text)) return true;
  return ['false', '0'].includes(text) ? false : wrong('--mount', value, 'true or false for readonly and idmap');
}

/** A relative path starts from the working directory of the caller, as a shell has it. */
function absolute(source: string): string {
  return /^\.\.?(\/|$)/.test(source) ? resolve(source) : source;
}
