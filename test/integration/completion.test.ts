import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished } from 'vitest';
import { needsFile } from './support/host.js';
import { NIWA, type Niwad } from './support/niwad.js';
import { test } from './support/test.js';

/** What a user sees who presses the tabulator key behind `line`. */
type Press = (niwad: Niwad, line: string) => Promise<string[]>;

/** A directory with the program `niwa` for PATH, and with the script of a shell. */
async function directoryFor(shell: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'niwa-test-completion-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  symlinkSync(NIWA, join(directory, 'niwa'));
  const { stdout } = await execa(NIWA, ['completion', shell]);
  writeFileSync(join(directory, '_niwa'), `${stdout}\n`);
  return directory;
}

const environment = (niwad: Niwad, directory: string) => ({
  NIWA_SOCKET: niwad.socket,
  PATH: `${directory}:${process.env.PATH}`,
  HOME: directory,
});

async function run(shell: string, args: string[], niwad: Niwad, directory: string): Promise<string[]> {
  const { stdout } = await execa(shell, args, { env: environment(niwad, directory), cwd: directory });
  return stdout.split('\n').filter((line) => line !== '');
}

const bash: Press = async (niwad, line) => {
  const directory = await directoryFor('bash');
  // Bash breaks the line at spaces, ":" and "=" before it calls the function.
  const words: string[] = line.match(/[:=]|[^\s:=]+/g) ?? [];
  if (/\s$/.test(line)) words.push('');
  const script = `
    . ./_niwa
    COMP_LINE=$1 COMP_POINT=\${#1}; shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _niwa 2> /dev/null
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return await run('bash', ['-c', script, 'bash', line, ...words], niwad, directory);
};

/** Zsh completes only at a terminal: its module zpty gives it one, and what it offers is written to a file. */
const zsh: Press = async (niwad, line) => {
  const directory = await directoryFor('zsh');
  writeFileSync(
    join(directory, '.zshrc'),
    `fpath=(${directory} $fpath); autoload -Uz compinit; compinit -u -D
     compadd () {
       if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return $?; fi
       local -a found; builtin compadd -O found "$@"; print -rl -- $found >> ${directory}/offered
       builtin compadd "$@"
     }
     PROMPT=ready; bindkey '^I' complete-word; bindkey '^D' send-break; setopt no_beep`,
  );
  const script = `
    zmodload zsh/zpty
    zpty shell "ZDOTDIR=${directory} zsh -i"
    zpty -r shell output '*ready*'
    zpty -n -w shell $1$'\\t'
    for i in {1..100}; do [[ -s ${directory}/offered ]] && break; sleep 0.1; done; sleep 0.3
    zpty -d shell
    cat ${directory}/offered`;
  return await run('zsh', ['-f', '-c', script, 'zsh', line], niwad, directory);
};

const fish: Press = async (niwad, line) => {
  const directory = await directoryFor('fish');
  const found = await run('fish', ['-c', `source _niwa; complete -C ${JSON.stringify(line)}`], niwad, directory);
  return found.map((one) => one.split('\t')[0] ?? '');
};

describe.each<[name: string, press: Press]>([
  ['bash', bash],
  ['zsh', zsh],
  ['fish', fish],
])('%s completes', (name, press) => {
  test('commands, options, containers and files', async ({ niwad, skip }) => {
    needsFile(skip, `/usr/bin/${name}`, `the completion is for ${name}`);
    await niwad.client.create({ id: `${name}-waits`, process: { args: ['sleep', '1000'] } });
    await niwad.start({ id: `${name}-works`, process: { args: ['sleep', '1000'] } });
    expect(await press(niwad, 'niwa insp')).toEqual(['inspect']);
    expect(await press(niwad, 'niwa run --read')).toEqual(expect.arrayContaining(['--read-only', '--ready']));
    expect((await press(niwad, `niwa inspect ${name}-w`)).sort()).toEqual([`${name}-waits`, `${name}-works`]);
    expect(await press(niwad, `niwa exec ${name}-w`)).toEqual([`${name}-works`]);
    expect(await press(niwad, 'niwa service insp')).toEqual(['inspect']);
    if (name !== 'bash') expect(await press(niwad, 'niwa run -f .zs')).toEqual(name === 'zsh' ? ['.zshrc'] : []);
  });
});

test('bash replaces only what stands behind its own breaks', async ({ niwad, skip }) => {
  needsFile(skip, '/usr/bin/bash', 'the completion is for bash');
  expect(await bash(niwad, 'niwa kill --signal=HU')).toEqual(['HUP']);
  expect(await bash(niwad, 'niwa kill --signal=')).toContain('HUP');
});
