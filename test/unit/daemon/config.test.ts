import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Config, mergeConfig, readConfigFile } from '../../../src/daemon/config.js';
import { problemsIn, refusal } from '../support.js';

const FIELDS =
  'allow, ceilings, cgroup, connectionsPerUser, defaults, drain, group, hooks, idPool, images, interimIntervalMs, keepExited, logLevel, logs, maxConnections, metricsListen, network, oci, pools, readGroup, requestsPerSecond, runDir, sampleIntervalMs, socket, stateDir';
const GROUP = 'the name or number of the group that may use the socket beside root';
const MEMORY = 'memory: at least 1M, such as "512M", a share of the host\'s memory such as "80%", or null for no bound';
const READ_GROUP = 'the name or number of the group that may look but not act';
const POOL = '{"start": HOST_ID, "count": RANGES}, ranges of 65536 ids';
const TCP = 'an address and a port, such as "127.0.0.1:9469" or "[::1]:9469", or null for none';
const HOOK_POINTS = 'afterExit, afterNetwork, afterStart, beforeCreate, interval, onFailure, onReady, onStop';
const ALLOW =
  '{"roots"?, "sources"?, "hooks"?, "privileged"?, "drain"?, "volumes"?, "idRanges"?}: what callers other than root may ask for';

describe('the settings', () => {
  it.each(['', '# nothing\n', '{}', 'null'])('are the defaults where the file is %j', (file) => {
    expect(mergeConfig({}, file)).toEqual({
      socket: '/run/niwa/niwad.sock',
      runDir: '/run/niwa',
      stateDir: '/var/lib/niwa',
      cgroup: 'niwa',
      logLevel: 'info',
      group: null,
      readGroup: null,
      allow: {},
      defaults: { pids: 2048, memory: '80%', tmpfs: '10%' },
      ceilings: { pids: 32_768, memory: '90%', tmpfs: '50%' },
      hooks: {},
      maxConnections: 1024,
      connectionsPerUser: 512,
      requestsPerSecond: 1000,
      metricsListen: null,
      sampleIntervalMs: 1000,
      keepExited: 1000,
      logs: { maxBytes: 16_777_216, maxFiles: 4, bytesPerSecond: 33_554_432 },
      drain: false,
      interimIntervalMs: 600_000,
      idPool: { start: 0x7000_0000, count: 4096 },
      images: { maxBytes: 17_179_869_184, maxEntries: 1_000_000 },
      pools: { perUser: 16, readyPerUser: 32, maxAgeMs: 3_600_000 },
      oci: { annotations: ['lifetime', 'jitter', 'stop-signal'] },
      network: {
        bridge: 'niwa0',
        subnet: '10.209.0.0/16',
        subnet6: 'fd6e:6977:6100::/64',
        mtu: 1500,
        connectionsPerContainer: 16_384,
      },
    });
  });

  it('are taken from the file before the defaults, and from the command line before the file', () => {
    const file = 'stateDir: /file\nlogLevel: warn\nkeepExited: 5\n';
    expect(mergeConfig({ logLevel: 'debug', keepExited: 0, cgroup: undefined }, file)).toMatchObject({
      stateDir: '/file',
      logLevel: 'debug',
      keepExited: 0,
      cgroup: 'niwa',
    });
  });

  it.each<[Partial<Config>, string, string]>([
    [{}, 'runDir: /a', '/a/niwad.sock'],
    [{ runDir: '/b' }, 'runDir: /a', '/b/niwad.sock'],
    [{}, 'runDir: /a\nsocket: /s', '/s'],
    [{ runDir: '/b' }, 'socket: /s', '/s'],
    [{ socket: '/t' }, 'socket: /s', '/t'],
    [{ socket: '/t', runDir: '/b' }, '', '/t'],
  ])('%j over the file %j put the socket at %s', (given, file, socket) => {
    expect(mergeConfig(given, file).socket).toBe(socket);
  });

  it.each([
    ['group: 0', { group: 0 }],
    ['group: www-data', { group: 'www-data' }],
    ['cgroup: system.slice/niwa@1.service', { cgroup: 'system.slice/niwa@1.service' }],
    ['cgroup: self', { cgroup: 'self' }],
    ['sampleIntervalMs: 100', { sampleIntervalMs: 100 }],
    ['readGroup: 0', { readGroup: 0 }],
    ['readGroup: adm', { readGroup: 'adm' }],
    ['maxConnections: 1', { maxConnections: 1 }],
    ['connectionsPerUser: 1', { connectionsPerUser: 1 }],
    ['defaults: {pids: 100}', { defaults: { pids: 100, memory: '80%', tmpfs: '10%' } }],
    ['ceilings: {memory: null, tmpfs: 64M}', { ceilings: { pids: 32_768, memory: null, tmpfs: '64M' } }],
    ['requestsPerSecond: 1000000', { requestsPerSecond: 1_000_000 }],
    ['metricsListen: 127.0.0.1:9469', { metricsListen: '127.0.0.1:9469' }],
    ['metricsListen: "[::1]:9469"', { metricsListen: '[::1]:9469' }],
    ['metricsListen: null', { metricsListen: null }],
    ['allow: {}', { allow: {} }],
    [
      'allow: {roots: [/srv, /var/lib/images/], sources: [], privileged: true}',
      { allow: { roots: ['/srv', '/var/lib/images/'], sources: [], privileged: true } },
    ],
    ['logs: {maxBytes: 65536}', { logs: { maxBytes: 65_536, maxFiles: 4, bytesPerSecond: 33_554_432 } }],
    ['logs: {bytesPerSecond: 0, maxFiles: 16}', { logs: { maxBytes: 16_777_216, maxFiles: 16, bytesPerSecond: 0 } }],
    ['images: {maxEntries: 5}', { images: { maxBytes: 17_179_869_184, maxEntries: 5 } }],
    ['idPool: {start: 65536, count: 65000}', { idPool: { start: 65_536, count: 65_000 } }],
    ['idPool: {start: 2147418112, count: 32768}', { idPool: { start: 0x7fff_0000, count: 32_768 } }],
  ])('%s is taken', (file, settings) => {
    expect(mergeConfig({}, file)).toMatchObject(settings);
  });
});

describe('wrong settings', () => {
  it.each<[string, string, string, string]>([
    ['defaults: {memory: 120%}', 'defaults.memory', '"120%"', MEMORY],
    ['ceilings: {memory: 9000T}', 'ceilings.memory', '"9000T"', MEMORY], // no number has so many bytes exactly
    ['ceilings: {memory: 1K}', 'ceilings.memory', '"1K"', MEMORY],
    ['defaults: {tmpfs: 0M}', 'defaults.tmpfs', '"0M"', MEMORY.replace('memory', 'each tmpfs')],
    ['defaults: {pids: 0}', 'defaults.pids', '0', 'processes and threads, 1 to 4194304, or null for no bound'],
    ['sokcet: /s', 'sokcet', 'a field that niwa does not know; did you mean socket?', FIELDS],
    ['__proto__: {group: 0}', '__proto__', 'a field that niwa does not know', FIELDS],
    ['metricsListen: localhost:9469', 'metricsListen', '"localhost:9469"', TCP],
    ['metricsListen: 9469', 'metricsListen', '9469', TCP],
    ['metricsListen: 127.0.0.1:0', 'metricsListen', '"127.0.0.1:0"', TCP],
    ['metricsListen: 127.0.0.1:9469/udp', 'metricsListen', '"127.0.0.1:9469/udp"', TCP],
    ['socket: niwad.sock', 'socket', '"niwad.sock"', 'an absolute path: the socket of the API'],
    ['runDir: 7', 'runDir', '7', 'an absolute path: what lives as long as the machine is up'],
    ['stateDir: "/a\\0"', 'stateDir', '"/a\\u0000"', 'an absolute path: what is kept: the ledger and the logs'],
    [
      'cgroup: /niwa',
      'cgroup',
      '"/niwa"',
      'a path below the cgroup2 mount, such as "niwa", or "self" for the group of niwad itself',
    ],
    [
      'cgroup: a/../b',
      'cgroup',
      '"a/../b"',
      'a path below the cgroup2 mount, such as "niwa", or "self" for the group of niwad itself',
    ],
    ['logLevel: loud', 'logLevel', '"loud"', 'fatal, error, warn, info, debug, trace or silent'],
    ['group: -1', 'group', '-1', GROUP],
    ['group: 4294967295', 'group', '4294967295', GROUP],
    ['group: a b', 'group', '"a b"', GROUP],
    ['readGroup: 1.5', 'readGroup', '1.5', READ_GROUP],
    ['readGroup: ""', 'readGroup', '""', READ_GROUP],
    ['maxConnections: 0', 'maxConnections', '0', 'a number from 1 to 100000'],
    ['connectionsPerUser: 0', 'connectionsPerUser', '0', 'a number from 1 to 100000, for each user but root'],
    ['maxConnections: many', 'maxConnections', '"many"', 'a number from 1 to 100000'],
    ['requestsPerSecond: 0', 'requestsPerSecond', '0', 'a number from 1 to 1000000, for each user but root'],
    ['allow: all', 'allow', '"all"', ALLOW],
    [
      'allow: {root: [/]}',
      'allow.root',
      'a field that niwa does not know; did you mean roots?',
      'drain, hooks, idRanges, privileged, roots, sources, volumes',
    ],
    ['allow: {roots: /srv}', 'allow.roots', '"/srv"', 'a list of directories'],
    ['allow: {roots: [srv]}', 'allow.roots[0]', '"srv"', 'an absolute path: roots may be below it'],
    ['allow: {sources: [/a, 1]}', 'allow.sources[1]', '1', 'an absolute path: sources of bind mounts may be below it'],
    [
      'allow: {privileged: yes please}',
      'allow.privileged',
      '"yes please"',
      'true or false: whether callers other than root may switch protections off',
    ],
    ['allow: {hooks: /opt}', 'allow.hooks', '"/opt"', 'a list of directories'],
    ['hooks: {onBoot: []}', 'hooks.onBoot', 'a field that niwa does not know', HOOK_POINTS],
    [
      'hooks: {onStop: [{args: [sh]}]}',
      'hooks.onStop[0].args[0]',
      '"sh"',
      'the absolute path of a program on the host',
    ],
    ['idPool: 65536', 'idPool', '65536', POOL],
    ['idPool: null', 'idPool', 'null', POOL],
    ['idPool: {start: 65536}', 'idPool.count', 'nothing', 'how many containers, 1 to 65000'],
    ['idPool: {start: 65535, count: 1}', 'idPool.start', '65535', 'a host id from 65536 on'],
    ['idPool: {start: 65536, count: 0}', 'idPool.count', '0', 'how many containers, 1 to 65000'],
    ['idPool: {start: 65536, count: 65001}', 'idPool.count', '65001', 'how many containers, 1 to 65000'],
    ['idPool: {start: 65536, count: 1, size: 1}', 'idPool.size', 'a field that niwa does not know', 'count, start'],
    ['idPool: {start: 2147418112, count: 32769}', 'idPool.count', '32769', 'at most 32768 ranges from 2147418112 on'],
    ['logs: 7', 'logs', '7', '{"maxBytes"?, "maxFiles"?, "bytesPerSecond"?}: how much output is stored'],
    ['logs: {maxBytes: 65535}', 'logs.maxBytes', '65535', 'bytes of each container, 65536 to 2^40'],
    ['logs: {maxBytes: 16M}', 'logs.maxBytes', '"16M"', 'bytes of each container, 65536 to 2^40'],
    ['logs: {maxFiles: 1}', 'logs.maxFiles', '1', 'a number from 2 to 16'],
    [
      'logs: {bytesPerSecond: 1}',
      'logs.bytesPerSecond',
      '1',
      'bytes a second of each container, 4096 to 2^40, or 0 for no limit',
    ],
    ['logs: {keep: 1}', 'logs.keep', 'a field that niwa does not know', 'bytesPerSecond, maxBytes, maxFiles'],
    ['sampleIntervalMs: 99', 'sampleIntervalMs', '99', 'milliseconds from 100 to 60000'],
    ['sampleIntervalMs: 1s', 'sampleIntervalMs', '"1s"', 'milliseconds from 100 to 60000'],
    ['keepExited: 1.5', 'keepExited', '1.5', 'a number from 0 to 100000'],
    ['keepExited: .inf', 'keepExited', 'Infinity', 'a number from 0 to 100000'],
    [
      '[]',
      '(top)',
      '[]',
      'an object with socket, runDir, stateDir, cgroup, logLevel, group, readGroup, allow, defaults, ceilings, hooks, drain, maxConnections, connectionsPerUser, requestsPerSecond, metricsListen, sampleIntervalMs, interimIntervalMs, idPool, logs, images, network, pools, oci, keepExited',
    ],
  ])('%s is refused at %s', (file, path, found, allowed) => {
    const error = refusal(() => mergeConfig({}, file));
    expect(error.message).toMatch(/^the configuration file is invalid: /);
    expect(error.details.problems).toEqual([{ path, found, allowed }]);
  });

  it('are told all at once', () => {
    expect(
      problemsIn(() => mergeConfig({}, 'cgroup: ""\nlogLevel: 1\nx: 1'))
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['cgroup', 'logLevel', 'x']);
  });

  it('on the command line are told as such', () => {
    const error = refusal(() => mergeConfig({ sampleIntervalMs: Number.NaN }, ''));
    expect(error.message).toBe(
      'the command line is invalid: sampleIntervalMs: found NaN; allowed: milliseconds from 100 to 60000',
    );
  });

  it.each(['a: b: c', 'a: *none', '{', '\tx: 1'])('that are no YAML, %j, are refused as such', (file) => {
    const error = refusal(() => mergeConfig({}, file));
    expect(error.code).toBe('SPEC_INVALID');
    expect(error.message).toMatch(/^the configuration file is no YAML: /);
  });
});

describe('the configuration file', () => {
  it('is read as it is', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'niwa-config-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, 'niwad.yaml');
    await writeFile(path, 'keepExited: 5\n');
    expect(readConfigFile(path, true)).toBe('keepExited: 5\n');
  });

  it('may be missing, unless it was named', () => {
    expect(readConfigFile('/no/such/niwad.yaml', false)).toBe('');
    const error = refusal(() => readConfigFile('/no/such/niwad.yaml', true));
    expect(error.code).toBe('HOST_ERROR');
    expect(error.message).toContain('cannot read the configuration /no/such/niwad.yaml: ENOENT');
  });

  it('may not be something else than a file', () => {
    expect(refusal(() => readConfigFile('/', false)).message).toContain('cannot read the configuration /: EISDIR');
  });
});
