import { constants } from 'node:os';
import type { DescribedCommand, DescribedOption } from '../described.js';

/**
 * What may come next on a command line. The shell's scripts (scripts.ts) ask for it with the words up to the cursor.
 */

/** Names that niwad knows. */
export type Kind = 'containers' | 'services' | 'images' | 'volumes' | 'pools';

export interface Candidate {
  word: string;
  describe: string;
}

export interface Next {
  /** The words that niwa's own grammar allows and that begin like the word at the cursor. */
  candidates: Candidate[];
  /** The kind of names that may come, too; null for none. */
  names: Kind | null;
  /** Where names are containers: only those in these states; null for all. */
  states: readonly string[] | null;
  /** What stands before a name in the word at the cursor: "--image=" of "--image=app"; mostly nothing. */
  before: string;
  /** Whether files and programs may come. */
  files: boolean;
}

/** The value of an option or a positional argument, by its name. */
const KINDS: Record<string, Kind | 'files' | 'signals'> = {
  id: 'containers',
  image: 'images',
  service: 'services',
  signal: 'signals',
  'stop-signal': 'signals',
  ...Object.fromEntries(
    ['file', 'path', 'root', 'socket', 'volume', 'output', 'env-file', 'label-file', 'command', 'from', 'to'].map(
      (name) => [name, 'files' as const],
    ),
  ),
};
/** What a positional `name` is in the commands of a group. */
const NAMED: Record<string, Kind> = { service: 'services', image: 'images', volume: 'volumes', pool: 'pools' };

const LIVE = ['running', 'paused', 'stopping'];
/** The commands that make sense only for containers in some states. */
const STATES: Record<string, readonly string[]> = {
  start: ['created', 'exited'],
  stop: ['created', 'running', 'paused', 'stopping'],
  kill: LIVE,
  exec: ['running'],
  attach: LIVE,
  pause: ['running'],
  resume: ['paused'],
  unpause: ['paused'],
};

/**
 * Tells what may come at the end of a command line.
 * @param words the words behind `niwa` up to the cursor; the last one is the one that is being written, maybe empty
 * @param commands all commands
 * @param global the options that stand in every command
 */
export function nextOf(
  words: readonly string[],
  commands: readonly DescribedCommand[],
  global: readonly DescribedOption[],
): Next {
  const current = words.at(-1) ?? '';
  const { command, path, options, given, awaits, isBehind } = read(words.slice(0, -1), commands, global);
  if (isBehind) return { ...NOTHING, files: true };
  if (awaits !== null) return valueAt(awaits, current, '');
  const [, name, value] = /^--([^=]+)=(.*)$/s.exec(current) ?? [];
  const option = options.find((one) => one.name === name);
  if (value !== undefined) return option?.takesValue ? valueAt(option, value, `--${name}=`) : NOTHING;
  if (current.startsWith('-')) return { ...NOTHING, candidates: starting(current, options.map(toCandidate)) };
  const inner = command === null ? commands : command.commands;
  if (inner.length > 0)
    return {
      ...NOTHING,
      candidates: starting(
        current,
        inner.map(({ name: word, describe }) => ({ word, describe })),
      ),
    };
  return positionalOf(command, path, given, current);
}

const NOTHING: Next = { candidates: [], names: null, states: null, before: '', files: false };

interface Read {
  command: DescribedCommand | null;
  /** The names of the command and of its group. */
  path: string[];
  options: readonly DescribedOption[];
  /** How many positional words the command has already. */
  given: number;
  /** The option whose value comes now. */
  awaits: DescribedOption | null;
  /** Whether what comes belongs to the container's command. */
  isBehind: boolean;
}

function read(
  words: readonly string[],
  commands: readonly DescribedCommand[],
  global: readonly DescribedOption[],
): Read {
  const state: Read = { command: null, path: [], options: global, given: 0, awaits: null, isBehind: false };
  for (const word of words) {
    if (state.awaits !== null) state.awaits = null;
    else if (word === '--') state.isBehind = takesCommand(state.command);
    else if (word.startsWith('-') && word !== '-') state.awaits = optionThatWaits(word, state.options);
    else takeWord(state, word, commands, global);
    if (state.isBehind) break;
  }
  return state;
}

function takeWord(
  state: Read,
  word: string,
  commands: readonly DescribedCommand[],
  global: readonly DescribedOption[],
): void {
  const inner = state.command === null ? commands : state.command.commands;
  if (inner.length === 0) {
    state.given += 1;
    const at = state.command?.positionals.findIndex(({ name }) => name === 'command') ?? -1;
    state.isBehind = at >= 0 && state.given > at;
    return;
  }
  const command = inner.find(({ name, aliases }) => name === word || aliases.includes(word));
  state.command = command ?? { ...UNKNOWN, name: word };
  state.path.push(state.command.name);
  state.options = [...state.command.options, ...global];
}

const UNKNOWN: DescribedCommand = {
  name: '',
  aliases: [],
  usage: '',
  describe: '',
  positionals: [],
  options: [],
  examples: [],
  commands: [],
};

function takesCommand(command: DescribedCommand | null): boolean {
  return command?.positionals.some(({ name }) => name === 'command') ?? false;
}

/** The option of a word such as `--name`, `-n` or `-it` if its value is the next word; else null. */
function optionThatWaits(word: string, options: readonly DescribedOption[]): DescribedOption | null {
  const long = /^--(.+)$/s.exec(word)?.[1];
  if (long !== undefined) return options.find(({ name, takesValue }) => takesValue && name === long) ?? null;
  const letters = [...word.slice(1)];
  const at = letters.findIndex((letter) => options.some(({ short, takesValue }) => takesValue && short === letter));
  if (at < 0 || at < letters.length - 1) return null; // -n3: its value is behind it
  return options.find(({ short, takesValue }) => takesValue && short === letters[at]) ?? null;
}

function valueAt({ name, choices }: DescribedOption, current: string, before: string): Next {
  const kind = KINDS[name];
  if (kind === 'files') return { ...NOTHING, files: true, before };
  const words = kind === 'signals' ? signals() : choices;
  const candidates = starting(
    current,
    words.map((word) => ({ word, describe: '' })),
  );
  const names = kind === 'signals' || kind === undefined ? null : kind;
  return { ...NOTHING, candidates: candidates.map((one) => ({ ...one, word: before + one.word })), names, before };
}

function positionalOf(command: DescribedCommand | null, path: string[], given: number, current: string): Next {
  const positionals = command?.positionals ?? [];
  const last = positionals.at(-1);
  const positional = positionals[given] ?? (last?.isSeveral ? last : undefined);
  if (command === null || positional === undefined) return NOTHING;
  const [first = ''] = path;
  const { choices } = positional;
  if (choices.length > 0)
    return {
      ...NOTHING,
      candidates: starting(
        current,
        choices.map((word) => ({ word, describe: '' })),
      ),
    };
  const kind = positional.name === 'name' ? NAMED[first] : KINDS[positional.name];
  if (kind === undefined || kind === 'signals') return NOTHING;
  if (kind === 'files') return { ...NOTHING, files: true };
  return {
    ...NOTHING,
    names: kind,
    states: kind === 'containers' && path.length === 1 ? (STATES[first] ?? null) : null,
  };
}

function signals(): string[] {
  return Object.keys(constants.signals).map((name) => name.replace(/^SIG/, ''));
}

function toCandidate({ name, describe }: DescribedOption): Candidate {
  return { word: `--${name}`, describe };
}

function starting(current: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(({ word }) => word.startsWith(current));
}
