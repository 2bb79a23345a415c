// @ts-check
// Writes the seeds of corpus/ anew, from what niwa itself makes. To be run after `npm run build` when plans, their
// encoding or what is stored have changed: node test/fuzz/make-corpus.mjs
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { toLine } from '../../dist/accounting/record.js';
import { toLine as toJournalLine } from '../../dist/engine/journal/line.js';
import { firstState } from '../../dist/engine/saved-state.js';
import { recordOf } from '../../dist/engine/usage-record.js';
import { encodeProgram } from '../../dist/plan/encode.js';
import { makePlan } from '../../dist/plan/plan.js';
import { encodeData, encodeFrame, FRAME } from '../../dist/protocol/frames.js';
import { parseSpec } from '../../dist/spec/spec.js';
import { HOST } from './host.mjs';
import { temporaryFolder } from './temporary.mjs';

/** By the names of the seeds. */
const SPECS = {
  'process-only': {
    process: { args: ['true'] },
    namespaces: { mount: 'host', pid: 'host', network: 'host', ipc: 'host', uts: 'host', cgroup: 'host' },
  },
  default: { process: { args: ['sh', '-c', 'echo $NAME'], env: { NAME: 'wörld' } } },
  joined: {
    process: { args: ['/bin/true', ''] },
    namespaces: { mount: '/proc/7/ns/mnt', network: '/proc/7/ns/net', uts: '/proc/7/ns/uts' },
  },
  everything: {
    process: { args: ['sleep', '1'], cwd: '/srv', user: '1000:1000', umask: '0077' },
    root: { path: '/srv/root', readonly: true, overlay: { directory: '/srv/kept' } },
    hostname: 'seed',
    mounts: [
      { type: 'bind', source: '/srv/data', target: '/data', readonly: true, propagation: 'rslave' },
      { type: 'tmpfs', target: '/scratch', size: '1M' },
    ],
    rlimits: { nofile: 1024, core: { soft: 0, hard: 'unlimited' } },
    capabilities: { add: ['ALL'] },
    init: true,
    oomScoreAdj: 500,
  },
};

/** Bodies that have no program on a host without controllers, and bodies of other requests. */
const BODIES = {
  limits: {
    process: { args: ['true'] },
    resources: {
      cpu: { max: 0.5, weight: 100 },
      memory: { max: '64M' },
      io: [{ device: '/dev/vda', rbps: '1M' }],
      pids: 10,
    },
    lifetime: '10s',
    labels: { app: 'x' },
  },
  image: {
    root: { image: 'seed:1' },
    network: { ports: ['8080:80', { protocol: 'udp', host: 53, container: 53 }], hosts: { db: '10.0.0.1' } },
    hooks: { afterNetwork: [{ args: ['/bin/hook', 'a'], timeout: '1s' }] },
    ready: { tcp: 80, every: '1s' },
  },
  exec: {
    args: ['sh'],
    tty: true,
    size: { rows: 24, columns: 80 },
    stdin: true,
    capabilities: { add: [], drop: ['ALL'] },
  },
  update: { resources: { memory: { max: '1G' } }, force: true },
};

/**
 * @param {string} target
 * @param {string} name
 * @param {string | Uint8Array} bytes
 */
function write(target, name, bytes) {
  const folder = join(import.meta.dirname, 'corpus', target);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), bytes);
}

function writeSpecs() {
  for (const [name, spec] of Object.entries(SPECS)) {
    const { boot } = makePlan(parseSpec(spec, name), HOST);
    write('program', name, encodeProgram(boot));
  }
  for (const [name, body] of Object.entries({ ...SPECS, ...BODIES })) {
    write('body-json', name, JSON.stringify(body));
    write('body-yaml', name, stringify(body));
  }
  write(
    'body-yaml',
    'aliases',
    'a: &a {b: [1, "\\u00e9"]}\nprocess: {<<: *a, args: [*a, !!str x]}\n---\n# two\n? [x]\n: |\n  text\n',
  );
}

function writeFrames() {
  const input = [encodeData(FRAME.stdin, Buffer.alloc(66_000, 'x')), encodeFrame(FRAME.stdinEof)];
  const words = [encodeFrame(FRAME.resize, { rows: 24, columns: 80 }), encodeFrame(FRAME.signal, 'SIGTERM')];
  write('frames', 'input', Buffer.concat([Buffer.from([200]), ...input]));
  write('frames', 'words', Buffer.concat([Buffer.from([0]), ...words]));
  write(
    'frames',
    'answers',
    Buffer.concat([
      Buffer.from([1]),
      encodeFrame(FRAME.stdout, 'hi'),
      encodeFrame(FRAME.exit, { code: 0, signal: null }),
    ]),
  );
}

/** Each format that GNU tar writes, and each kind of member. */
function writeTars() {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'd'));
  writeFileSync(join(folder, 'd/file'), 'contents\n');
  writeFileSync(join(folder, `d/${'long'.repeat(40)}`), 'x');
  symlinkSync('/to'.repeat(60), join(folder, 'd/link'));
  writeFileSync(join(folder, 'd/sparse'), 'begin');
  truncateSync(join(folder, 'd/sparse'), 1024 * 1024);
  const formats = [
    ['--format=gnu'],
    ['--format=pax'],
    ...['0.0', '0.1', '1.0'].map((version) => [`--sparse-version=${version}`, '--format=pax']),
  ];
  for (const [i, flags] of formats.entries())
    write(
      'tar',
      `gnu-tar-${i}`,
      execFileSync('tar', [
        '-b1',
        '-c',
        '--sparse',
        '--mtime=@1',
        '--owner=0',
        '--group=0',
        ...flags,
        '-C',
        folder,
        'd',
      ]),
    );
}

function writeImages() {
  const digest = (/** @type {number} */ n) => `sha256:${String(n).repeat(64)}`;
  const blob = (/** @type {number} */ n) => `blobs/sha256/${String(n).repeat(64)}`;
  const to = (/** @type {number} */ n, more = {}) => ({ digest: digest(n), size: 1, ...more });
  const config = {
    architecture: 'amd64',
    os: 'linux',
    created: '2026-01-01T00:00:00Z',
    config: {
      User: '1000',
      Env: ['A=1'],
      Entrypoint: ['/e'],
      Cmd: null,
      WorkingDir: '/w',
      Labels: { a: 'b' },
      StopSignal: 'SIGTERM',
    },
    rootfs: { type: 'layers', diff_ids: [digest(4)] },
  };
  const name = { 'org.opencontainers.image.ref.name': 'seed:1' };
  const nested = { mediaType: 'application/vnd.oci.image.index.v1+json', annotations: name };
  const platform = { os: 'linux', architecture: 'amd64' };
  const manifest = { config: to(3), layers: [to(4)] };
  const blobs = { [blob(3)]: config, [blob(4)]: '' };
  const oci = {
    'index.json': { manifests: [to(1, nested)] },
    [blob(1)]: { manifests: [to(2, { platform })] },
    [blob(2)]: manifest,
    ...blobs,
  };
  write('image-index', 'oci', JSON.stringify(oci));
  const docker = [{ Config: blob(3), RepoTags: ['seed:1'], Layers: [blob(4)] }];
  write('image-index', 'docker', JSON.stringify({ 'manifest.json': docker, ...blobs }));
  const index = {
    version: 1,
    names: { 'seed:1': { id: 'a', importedAt: '2026-01-01' } },
    images: { a: { layers: ['b'] } },
    layers: { b: { bytes: 1 } },
  };
  write('image-index', 'store', JSON.stringify({ ...index, ...oci }));
}

function writeStored() {
  const at = '2026-01-01T00:00:00.000Z';
  for (const [name, input] of Object.entries(SPECS)) {
    const spec = parseSpec(input, 'fuzzed');
    const own = { idRange: HOST.idRange, lease: null };
    const run = '11111111-2222-3333-4444-555555555555';
    const stored = { ...firstState(spec, makePlan(spec, HOST), own, 'boot'), run, createdAt: at };
    write('state', name, JSON.stringify({ version: 1, ...stored }));
    const line = { n: 1, id: spec.id, run };
    const state = toJournalLine({ ...line, kind: 'state' }, JSON.stringify({ version: 1, ...stored }));
    const change = JSON.stringify({ phase: 'created', pid: 7 });
    write('journal', name, state + toJournalLine({ ...line, n: 2, kind: 'change' }, change));
    const final = recordOf(stored, { code: 0, signal: null, reason: 'exited', at });
    const lines = [final, { ...final, type: /** @type {const} */ ('interim') }].map((record) =>
      toLine({ record, carried: false }),
    );
    const [first] = lines;
    const header = {
      type: /** @type {const} */ ('segment'),
      previous_bytes: Buffer.byteLength(lines.join('')),
      latest_at: at,
      carried: 1,
    };
    write(
      'ledger',
      name,
      [...lines, '\n', toLine({ header }), toLine({ record: final, carried: true }), first].join(''),
    );
  }
}

writeSpecs();
writeFrames();
writeTars();
writeImages();
writeStored();
