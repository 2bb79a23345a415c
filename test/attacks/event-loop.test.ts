// Technique: one request that takes the daemon so long that it serves nobody else. Each body, query and head is the
// worst of its kind that fits; /v1/health is asked all the while on another connection.
import { connect } from 'node:net';
import { expect } from 'vitest';
import { parseYaml } from '../../src/spec/yaml.js';
import { type RawRequest, raw } from '../integration/support/http.js';
import { test } from './attack.js';
import { BOUND_MS, slowestHealth, TRIES } from './slowest-health.js';

const KIB = 1024;
const JSON_BYTES = 256 * KIB;
const YAML_BYTES = 64 * KIB;

const args = ['true'];
const process = { args };
const numbered = (count: number, item: (i: string) => string) =>
  Array.from({ length: count }, (_, i) => item(`k${i.toString(36)}`));
/** A text of so many bytes at most. */
const filled = (bytes: number, piece: string) => piece.repeat(Math.floor(bytes / piece.length));
const object = (count: number, value: unknown) => Object.fromEntries(numbered(count, (i) => i).map((i) => [i, value]));
const json = (value: unknown): RawRequest => ({ body: JSON.stringify(value), type: 'application/json' });
const text = (body: string): RawRequest => ({ body, type: 'application/json' });
const yaml = (body: string): RawRequest => ({ body: body.slice(0, YAML_BYTES), type: 'application/yaml' });
const list = (count: number, value: unknown) => Array.from({ length: count }, () => value);
const maps = list(340, 0).map((_, i) => ({ container: i, host: i, size: 1 }));
const idmap = { uids: maps, gids: maps };

/** Specs, by what is wrong or large in them. */
const specs: Record<string, RawRequest> = {
  'mounts that are numbers': json({ process, mounts: list(120_000, 1) }),
  'as many mounts as may be looked at': json({ process, mounts: list(9000, 1) }),
  'mounts that are empty': json({ process, mounts: list(900, {}) }),
  'mounts with unknown fields': json({ process, mounts: list(110, { type: 'bind', ...object(40, 1) }) }),
  'mounts with maps of their own': json({
    process,
    mounts: list(1, { type: 'bind', source: '/', target: '/x', idmap }),
  }),
  'a mount of another branch': json({
    process,
    mounts: [{ type: 'tmpfs', target: '/x', idmap: { uids: list(9900, 1) } }],
  }),
  'labels that are numbers': json({ process, labels: object(4900, 1) }),
  'more labels than may be looked at': json({ process, labels: object(20_000, '') }),
  'long labels': json({ process, labels: object(60, 'x'.repeat(4000)) }),
  'a long name of a label': json({ process, labels: { [filled(200 * KIB, 'x')]: '' } }),
  'variables that are numbers': json({ process: { args, env: object(4900, 1) } }),
  'long variables': json({ process: { args, env: object(200, 'x'.repeat(1000)) } }),
  'unknown fields': json({ process, ...object(4900, 1) }),
  'arguments that are numbers': json({ process: { args: list(9900, 1) } }),
  'arguments with NUL': json({ process: { args: list(9900, '\0') } }),
  'capabilities that are none': json({ process, capabilities: { add: list(4900, 'FLY'), drop: list(4900, 'FLY') } }),
  'maps of ids that overlap': json({ process, userns: { uids: list(340, maps[0]), gids: list(340, maps[0]) } }),
  'system calls with wrong names': json({
    process,
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: list(900, { names: list(4, 'A'), action: 'x' }) },
  }),
  'system calls that there are': json({
    process: { args: [''] },
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: list(9900, 'read'), action: 'SCMP_ACT_LOG' }] },
  }),
  'ports that are taken twice': json({ process, network: { ports: list(1000, '[::1]:70000:70000') } }),
  'hosts without addresses': json({ process, network: { hosts: object(4900, 'x') } }),
  'hooks that are wrong': json({ process, hooks: { interval: list(16, { args: list(600, 1), every: -1 }) } }),
  'a long name of an image': json({ process, root: { image: filled(200 * KIB, 'a-') } }),
  'a long host in the name of an image': json({ process, root: { image: filled(200 * KIB, 'a.') } }),
  'a long name of a user': json({ process: { args, user: filled(200 * KIB, 'a') } }),
  'a long list of processors': json({ process, resources: { cpu: { cpus: `${filled(200 * KIB, '0-1,')}x` } } }),
  'a long duration': json({ process, lifetime: `${filled(200 * KIB, '1s')}x` }),
  'a long size': json({ process, resources: { memory: { max: `${filled(200 * KIB, '9')}X` } } }),
  'a long signal': json({ process, stopSignal: filled(200 * KIB, 'A') }),
  'a large number': text(`{"process": {"args": ["true"]}, "oomScoreAdj": ${filled(JSON_BYTES - 100, '9')}}`),
  'an unknown field that is large': json({ process, x: list(9900, '') }),
  'a large value in each place': json({
    ...Object.fromEntries(
      ['id', 'root', 'hostname', 'userns', 'seccomp', 'owner'].map((name) => [name, list(800, {})]),
    ),
  }),
  brackets: text(filled(JSON_BYTES, '[')),
  'brackets that are closed': text(filled(100_000, '[') + filled(100_000, ']')),
  braces: text(`${filled(JSON_BYTES / 2, '{"a":')}1${'}'.repeat(JSON_BYTES / 10)}`),
  numbers: json(list(130_000, 1)),
  'empty objects': json(list(85_000, {})),
  'a name twice': text(`{${filled(JSON_BYTES - 100, '"a":1,')}"a":1}`),
  names: json(object(25_000, 1)),
  escapes: text(`{"id": "${filled(JSON_BYTES - 100, '\\u0041')}"}`),
  prototypes: text(`[${filled(JSON_BYTES - 100, '{"a":1},')}{"__proto__":1}]`),
  spaces: text(filled(JSON_BYTES, ' ')),
  'more than a body may have': { type: 'application/json', announced: JSON_BYTES + 1 },
};

/** Specs that are taken. */
const taken: Record<string, RawRequest> = {
  'as many arguments as may be': json({ process: { args: list(9990, 'x') } }),
  'long arguments': json({ process: { args: ['true', ...list(2, 'x'.repeat(120_000))] } }),
  'as many variables as may be': json({ process: { args, env: object(5900, 'x') } }),
  'as many labels as may be': json({ process, labels: object(2500, 'x') }),
  'many mounts': json({
    process,
    mounts: numbered(500, (i) => i).map((name) => ({ type: 'tmpfs', target: `/tmp/${name}` })),
  }),
  'many system calls': json({
    process,
    seccomp: {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: list(400, 0).map((_, i) => ({
        names: ['read', 'write', 'openat'],
        action: 'SCMP_ACT_ERRNO',
        args: [{ index: i % 6, value: i, op: 'SCMP_CMP_EQ' }],
      })),
    },
  }),
};

/** YAML has more ways. */
const documents: Record<string, RawRequest> = {
  keys: yaml(numbered(20_000, (i) => `${i}:\n`).join('')),
  'keys in braces': yaml(`{${numbered(20_000, (i) => i).join(',')}`),
  'keys as in the largest that is read': yaml(numbered(480, (i) => `${i}: v\n`).join('')),
  items: yaml(filled(YAML_BYTES, '- a\n')),
  'items in brackets': yaml(`[${filled(YAML_BYTES, 'a,')}`),
  anchors: yaml(filled(YAML_BYTES, '&a ')),
  tags: yaml(filled(YAML_BYTES, '!a ')),
  aliases: yaml(`- &a x\n${filled(YAML_BYTES, '- *a\n')}`),
  'aliases of aliases': yaml(
    `a: &a [x,x,x,x,x,x,x,x,x,x]\n${numbered(20, (i) => i).reduce((all, _, i) => `${all}${i}k: &k${i} [${list(10, i === 0 ? '*a' : `*k${i - 1}`)}]\n`, '')}`,
  ),
  'aliases of a long text': yaml(
    `labels: {a: &a "${filled(32 * KIB, 'x')}"}\nprocess: {args: [${list(90, '*a').join(',')}]}`,
  ),
  'merged keys': yaml(`a: &a {${numbered(99, (i) => `${i}: 1`).join(',')}}\nb:\n  <<: [${list(90, '*a').join(',')}]\n`),
  quotes: yaml(filled(YAML_BYTES, '"a" ')),
  'quotes in braces': yaml(`{${filled(YAML_BYTES, '"a" ')}`),
  'braces that close': yaml(filled(YAML_BYTES, '} ')),
  dashes: yaml(filled(YAML_BYTES, '- ')),
  'question marks': yaml(filled(YAML_BYTES, '? ')),
  colons: yaml(filled(YAML_BYTES, ': ')),
  tabs: yaml(filled(YAML_BYTES, 'a:\t')),
  documents: yaml(filled(YAML_BYTES, '---\n')),
  directives: yaml(filled(YAML_BYTES, '%YAML 1.2\n')),
  comments: yaml(filled(YAML_BYTES, '#\n')),
  'lines of a text': yaml(`a: ${filled(YAML_BYTES, 'x\n ')}`),
  'a folded text': yaml(`a: >\n${filled(YAML_BYTES, ' x\n\n')}`),
  'escapes in a text': yaml(`a: "${filled(YAML_BYTES - 10, '\\q')}"`),
  'a long number': yaml(`a: ${filled(YAML_BYTES, '9')}`),
  'a long binary': yaml(`a: !!binary ${filled(YAML_BYTES, 'A')}`),
  'a set': yaml(`!!set {${numbered(20_000, (i) => i).join(',')}`),
  'more than it may have': { type: 'application/yaml', announced: YAML_BYTES + 1 },
};

/** What else a request has. */
const others: Record<string, [method: string, path: string, body?: RawRequest]> = {
  'limits of an update': ['PATCH', '/v1/containers/x', json({ resources: { io: list(5000, 1), ...object(2400, 1) } })],
  'devices of an update': ['PATCH', '/v1/containers/x', json({ resources: { io: list(64, object(70, 1)) } })],
  'a lifetime': ['PUT', '/v1/containers/x/lifetime', json(object(2400, { lifetime: [] }))],
  'a signal': ['POST', '/v1/containers/x/kill', json({ signal: list(9900, 1) })],
  'an exec': ['POST', '/v1/containers/x/exec', json({ args: list(5000, 1), env: object(2400, 1) })],
  'a long path': ['GET', `/v1/containers/${filled(15 * KIB, 'x')}`],
  'a path of many parts': ['GET', filled(15 * KIB, '/v1')],
  'a path of escapes': ['GET', `/v1/containers/${filled(15 * KIB, '%41')}`],
  'a query of many names': ['GET', `/v1/containers?${numbered(3800, (i) => i).join('&')}`],
  'a query of one name': ['GET', `/v1/containers?${filled(15 * KIB, 'state=x&')}`],
  'a query of fields': ['GET', `/v1/containers?fields=${filled(15 * KIB, 'id,')}`],
  'a query of escapes': ['GET', `/v1/containers?label=a=${filled(15 * KIB, '%41')}`],
  'a long place in a list': ['GET', `/v1/containers?after=${filled(15 * KIB, '1')}:`],
  'a moment of usage': ['GET', `/v1/usage?since=${filled(15 * KIB, '1s')}x`],
  'a label of usage': ['GET', `/v1/usage?by=label:${filled(15 * KIB, '=')}`],
  'a name of an image': ['DELETE', `/v1/images?name=${filled(15 * KIB, 'a-')}`],
  'a name of an import': ['POST', `/v1/images?name=${filled(15 * KIB, 'a.')}`, { body: '', type: 'application/x-tar' }],
};

type Try = [what: string, method: string, path: string, body: RawRequest | undefined];
const asSpec = ([what, body]: [string, RawRequest]): Try => [what, 'POST', '/v1/containers', body];
const tries: Try[] = [
  ...Object.entries(specs).map(asSpec),
  ...Object.entries(taken).map(asSpec),
  ...Object.entries(documents).map(([what, body]) => asSpec([`${what} (YAML)`, body])),
  ...Object.entries(others).map(([what, [method, path, body]]): Try => [what, method, path, body]),
];

test.for(tries)('event loop: %s', async ([, method, path, body], { niwad }) => {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && best > BOUND_MS; i++) {
    const { slowest, result } = await slowestHealth(niwad.socket, () => raw(niwad.socket, method, path, body));
    best = Math.min(best, slowest);
    const { status } = result;
    if (status === 201) for (const { id } of await niwad.client.list()) await niwad.client.remove(id, { force: true });
    expect(status).toBeLessThan(500);
  }
  expect(best).toBeLessThan(BOUND_MS);
});

test('event loop: many bodies at once, on one connection and on many', async ({ niwad }) => {
  const { body = '' } = json({ process: { args: list(9900, 1) } });
  const head = `POST /v1/containers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  const pipelined = async (count: number) => {
    const socket = connect(niwad.socket);
    socket.write(`${head}${body}`.repeat(count));
    let answers = 0;
    for await (const piece of socket) {
      answers += String(piece).split('HTTP/1.1 400 ').length - 1;
      if (answers === count) break;
    }
    return answers;
  };
  for (const [connections, each] of [
    [1, 40],
    [40, 1],
  ] as const) {
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < TRIES && best > BOUND_MS; i++) {
      const work = () => Promise.all(Array.from({ length: connections }, () => pipelined(each)));
      const { slowest, result } = await slowestHealth(niwad.socket, work);
      expect(result).toEqual(list(connections, each));
      best = Math.min(best, slowest);
    }
    expect(best).toBeLessThan(BOUND_MS);
  }
});

test('event loop, control: without bounds the parser of YAML takes more than a second', () => {
  const began = performance.now();
  parseYaml(numbered(20_000, (i) => `${i}: v`).join('\n'), 'the body');
  expect(performance.now() - began).toBeGreaterThan(1000);
});
