import { describe, expect, it } from 'vitest';
import { wordsOfContainer } from '../../../src/cli/command.js';
import { COMMANDS } from '../../../src/cli/commands/all.js';
import { helpFor } from '../../../src/cli/parser.js';
import { optionsOf } from './command-lines.js';

type Options = Record<string, unknown>;

/** Parses a line of words between spaces; gives the options that the command gets, and the command of the container. */
async function parse(line: string): Promise<{ options: Options; words: string[] }> {
  wordsOfContainer.length = 0;
  return { options: await optionsOf(line.split(' ')), words: [...wordsOfContainer] };
}

describe('words of the container are left alone', () => {
  it.each<[line: string, options: Options, words: string]>([
    ['run ls -d /etc', { detach: false }, 'ls -d /etc'],
    ['run --rm ls -d /etc', { rm: true, detach: false }, 'ls -d /etc'],
    ['run -d --rm -- ls -d /etc', { rm: true, detach: true }, 'ls -d /etc'],
    ['run ls -- -d', { detach: false }, 'ls -- -d'],
    ['run -- -x --json', { json: false }, '-x --json'],
    ['run -- -- x', {}, '-- x'],
    ['run -it --name a sh', { interactive: true, tty: true, name: 'a' }, 'sh'],
    ['run -ite A=1 sh -c x', { interactive: true, tty: true, env: ['A=1'] }, 'sh -c x'],
    ['run -e A=1 --env B=2 --env=C=-3 -eD=4 -e=E=5 env', { env: ['A=1', 'B=2', 'C=-3', 'D=4', 'E=5'] }, 'env'],
    ['run --label a=1 -l b=2 -p 80:80 true', { label: ['a=1', 'b=2'], publish: ['80:80'] }, 'true'],
    ['run -m 64m -c 512 true', { memory: '64m', cpuShares: '512' }, 'true'],
    ['run --lifetime -5s true', { lifetime: '-5s' }, 'true'],
    ['run -f - --name=b', { file: '-', name: 'b' }, ''],
    ['run --name a --name b true', { name: 'b' }, 'true'],
    ['run --entrypoint="x" true', { entrypoint: '"x"' }, 'true'],
    ['run --no-init true --no-rm', { init: false }, 'true --no-rm'],
    ['--json --socket /x run --json=false true', { socket: '/x', json: false }, 'true'],
    ['create --memory 1G sleep -t 5', { memory: '1G', tty: undefined }, 'sleep -t 5'],
    ['exec a grep -i x FILE', { id: 'a', interactive: false }, 'grep -i x FILE'],
    ['exec a id -u root', { id: 'a', user: undefined }, 'id -u root'],
    ['exec -it a sh -c x', { id: 'a', interactive: true, tty: true }, 'sh -c x'],
    ['exec a -- grep -i', { id: 'a', interactive: false }, 'grep -i'],
    ['exec a -- -- grep', { id: 'a' }, '-- grep'],
    ['exec a ls -- --json', { id: 'a', json: false }, 'ls -- --json'],
    ['exec -u 1000 -w / a id', { id: 'a', user: '1000', workdir: '/' }, 'id'],
    ['plan --memory 64M -- sleep 5', { memory: '64M', spec: undefined }, 'sleep 5'],
    ['plan --json spec.yaml sleep -d', { json: true, spec: 'spec.yaml', detach: undefined }, 'sleep -d'],
    ['plan -', { spec: '-' }, ''],
  ])('niwa %s', async (line, options, words) => {
    const parsed = await parse(line);
    expect(parsed.words.join(' ')).toBe(words);
    expect({ ...parsed.options, ...pick(parsed.options, options) }).toMatchObject(options);
  });
});

describe('elsewhere options may stand anywhere', () => {
  it.each<[line: string, options: Options]>([
    ['stop web -t 5', { id: ['web'], timeout: '5' }],
    ['stop -t 5 web db', { id: ['web', 'db'], timeout: '5' }],
    ['stop -t5 web', { id: ['web'], timeout: '5' }],
    ['stop web -t -5', { id: ['web'], timeout: '-5' }],
    ['rm a --force b', { id: ['a', 'b'], force: true }],
    ['rm -- a b', { id: ['a', 'b'] }],
    ['update web --memory 1G', { id: ['web'], memory: '1G' }],
    ['logs web -fn=3', { id: 'web', follow: true, tail: '3' }],
    ['logs web --tail all', { id: 'web', tail: 'all' }],
    ['logs web -f --since=10', { id: 'web', follow: true, since: '10' }],
    ['usage -la=1 --owner=a --owner b', { label: ['a=1'], owner: ['a', 'b'] }],
    ['stats web --no-stream', { id: ['web'], stream: false }],
    ['ps -aq -l a=1 --label b=2', { all: true, quiet: true, label: ['a=1', 'b=2'] }],
    ['init -', { file: '-' }],
    ['image import -', { path: '-' }],
    ['image import - app:1.2', { path: '-', name: 'app:1.2' }],
    ['image pull --no-tls-verify a', { reference: 'a', tlsVerify: false }],
    ['image ls -q', { quiet: true }],
  ])('niwa %s', async (line, options) => {
    expect((await parse(line)).options).toMatchObject(options);
  });
});

describe('what would be taken for something else is refused', () => {
  it.each([
    ['exec a -i cat', '"-i" would be the command: options of niwa stand before a,'],
    ['plan spec.yaml --json', '"--json" would be the command: options of niwa stand before spec.yaml,'],
    ['-d run ls', 'there is no option "-d" at this place'],
    ['run --frobnicate true', 'there is no option "--frobnicate"'],
    ['run --command true', 'there is no option "--command"'],
    ['rm -- --force', '"--force" cannot stand here'],
    ['stop --id web', 'there is no option "--id"'],
    ['stop web -t', 'Not enough arguments following: timeout'],
    ['top --sort frob', 'Invalid values'],
    ['frob', 'niwa has no command "frob"'],
    ['pss', 'niwa has no command "pss"; did you mean ps?'],
    ['--json --socket /x insepct', 'did you mean inspect?'],
    ['run --memroy 1G true', 'there is no option "--memroy" at this place; did you mean --memory?'],
    ['image pul x', 'did you mean pull?'],
    ['run --privileged true', 'niwa has no option --privileged: name what is needed'],
    ['create --health-cmd x true', 'niwa has no option --health-cmd: a readiness check is --ready'],
    ['run -P true', 'niwa has no option -P: name each port'],
    ['ps --privileged', 'there is no option "--privileged"'],
    ['exec', 'a word is missing: niwa exec <id> [command..]'],
  ])('niwa %s', async (line, message) => {
    await expect(parse(line)).rejects.toThrow(message);
  });
});

/** An option that was not given is undefined, which toMatchObject tells from one that is not there. */
function pick(from: Options, names: Options): Options {
  return Object.fromEntries(Object.keys(names).map((name) => [name, from[name]]));
}

describe('an unknown command of a group', () => {
  const known = 'it has apply, ls, inspect, rm, wake, scale, logs, history';
  it.each([
    [
      'service ps shop',
      `niwa service has no command "ps" (niwa ps --service NAME lists the instances of a service, niwa service ls all services); ${known}`,
    ],
    [
      '--json service create -f x',
      `niwa service has no command "create" (niwa service apply FILE creates a service); ${known}`,
    ],
    ['service', `niwa service needs a command; ${known}`],
    ['service nothing', `niwa service has no command "nothing"; ${known}`],
    ['image lst', 'niwa image has no command "lst"; did you mean ls?; it has'],
  ])('niwa %s names the command, and the known ones', async (line, message) => {
    await expect(optionsOf(line.split(' '))).rejects.toThrow(message);
  });

  it('leads to the help of the group', () => {
    expect(helpFor(['--json', 'service', 'ps'], COMMANDS)).toBe('niwa service --help');
    expect(helpFor(['nothing'], COMMANDS)).toBe('niwa --help');
  });

  it('may be another name of a known one', async () => {
    expect(await optionsOf(['service', 'list', '-q'])).toMatchObject({ quiet: true });
  });
});
