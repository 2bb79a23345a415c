import { describe, expect, it } from 'vitest';
import { DOCKER_CONTAINER } from '../../../../src/cli/format/docker.js';
import { knownPath } from '../../../../src/cli/format/fields.js';
import { parseFormat } from '../../../../src/cli/format/format.js';
import { ContainerDetailsSchema } from '../../../../src/protocol/container.js';
import { messageOf } from '../../../../src/protocol/errors.js';

const status = {
  id: 'web',
  state: 'exited',
  exit: { code: 3, signal: null, reason: 'exited', at: '2026-11-27T12:00:00.000Z' },
  network: null,
  spec: {
    owner: 'al\x1b[2Ji\nce\t!',
    labels: { tier: 'front', 'com.example/a': 'x' },
    process: { args: ['sh', '-c', 'exit 3'] },
    mounts: [{ type: 'tmpfs', target: '/tmp/a' }],
  },
};
const parse = (text: string) => parseFormat(text, ContainerDetailsSchema, DOCKER_CONTAINER);
const written = (text: string) => parse(text).line(status);
const refused = (text: string) => {
  try {
    parse(text);
  } catch (error) {
    return messageOf(error);
  }
  return 'taken';
};

describe('a template', () => {
  it.each([
    ['{{.id}}', 'web'],
    ['{{ .id }}:{{.exit.code}}', 'web:3'],
    ['{{.exit.signal}}|{{.network.address}}|', '||'],
    ['{{json .exit.signal}} {{json .network.address}}', 'null null'],
    ['{{json .spec.labels}}', '{"tier":"front","com.example/a":"x"}'],
    ['{{.spec.labels}}', '{"tier":"front","com.example/a":"x"}'],
    ['{{index .spec.labels "com.example/a"}}', 'x'],
    ['{{.spec.labels.tier}} {{.spec.labels.no}}', 'front '],
    ['{{index .spec.process.args 2}}', 'exit 3'],
    ['{{join .spec.process.args ", "}}', 'sh, -c, exit 3'],
    ['{{upper .id}} {{lower .state}}', 'WEB exited'],
    ['a\\tb\\n{{.id}}', 'a\tb\nweb'],
    ['json', JSON.stringify(status).replace('\x1b', '\\u001b')],
    ['{{json .}}', JSON.stringify(status)],
    ['no field', 'no field'],
  ])('%s', (text, line) => {
    expect(written(text)).toBe(line);
  });

  it('writes what a stranger wrote in one line, and harmless', () => {
    expect(written('{{.spec.owner}}')).toBe('al\\u001b[2Ji\\nce\\t!');
  });

  it('names the fields that it needs, so that niwad sends no others', () => {
    expect(parse('{{.id}} {{.exit.code}} {{.exit.at}}').fields).toEqual(['id', 'exit']);
    expect(parse('{{json .}}').fields).toBeNull();
    expect(parse('json').fields).toBeNull();
  });
});

describe("Docker's names", () => {
  it.each([
    ['{{.ID}} {{.Names}} {{.Name}}', 'web web web'],
    ['{{.State.ExitCode}} {{.State.Status}} {{.Status}}', '3 exited exited'],
    ['{{.NetworkSettings.IPAddress}}', ''],
    ['{{.Label "tier"}} {{index .Config.Labels "tier"}}', 'front front'],
    ['{{.Config.Labels.tier}}', 'front'],
  ])('%s', (text, line) => {
    expect(written(text)).toBe(line);
  });

  it('all stand for fields that exist', () => {
    for (const name of Object.keys(DOCKER_CONTAINER))
      expect(knownPath(name.split('.'), ContainerDetailsSchema, DOCKER_CONTAINER)).toEqual(
        DOCKER_CONTAINER[name]?.split('.'),
      );
  });
});

describe('an unknown field', () => {
  it.each([
    ['{{.exit.cod}}', '"{{.exit.cod}}"; allowed: {{.exit.code}}?'],
    ['{{.staet}}', '"{{.staet}}"; allowed: {{.state}}?'],
    ['{{.Pid}}', '"{{.Pid}}"; allowed: {{.pid}}?'],
    ['{{.State.ExitCod}}', 'allowed: {{.exit.code}}?'],
    ['{{.xyzzyzzy}}', 'allowed: .id, .state, .pid, '],
    ['{{.id.first}}', 'allowed: {{.id}}, which has no fields'],
    ['{{.exit.code.x}}', 'allowed: {{.exit.code}}, which has no fields'],
    ['{{range .spec.mounts}}x{{end}}', 'allowed: {{.field}}, {{json .field}}, '],
    ['{{.id', 'allowed: {{.field}}, {{json .field}}, '],
    ['{{}}', 'allowed: {{.field}}, {{json .field}}, '],
  ])('%s', (text, words) => {
    expect(refused(text)).toContain(words);
  });
});

it('a table has headings', () => {
  const format = parse('table {{.id}}\\t{{.exit.code}}\\t{{.spec.owner}}');
  expect(format.table?.([status]).text()).toBe('ID   EXIT CODE  SPEC OWNER\nweb  3          al\\u001b[2Ji\\nce\\t!');
});
