import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { prometheus } from '../programs.mjs';
import { host, SLOWNESS } from './support/host.js';
import { inside, makeNetwork, NODE, nodePlace, startOnNode, WORLD } from './support/network.js';
import type { Niwad } from './support/niwad.js';
import { askOnce, serviceOf } from './support/services.js';

/**
 * A real Prometheus reads niwad as docs/operating.md says, and answers the queries of the dashboard for Grafana. All of
 * it listens in the network namespace of the node.
 */

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const METRICS = '127.0.0.1:9469';
const SERVER = '127.0.0.1:9090';
const directory = mkdtempSync(join(tmpdir(), 'niwa-prometheus-'));
const PATIENCE = { timeout: 30_000 * SLOWNESS, interval: 200 };
/** Long enough for two scrapes, short enough to see what this test does. */
const RATE_INTERVAL = `${10 * SLOWNESS}s`;

/** Metrics that are there only where the host has the controller. */
const OF_CONTROLLERS = {
  cpu: /cpu_(periods|throttled_periods)_total|throttled_ratio/,
  memory: /memory_bytes|memory_oom_kills/,
  io: /container_io_(read|written)/,
  pids: /container_pids\b/,
  cpuset: /$^/,
};

interface Panel {
  type: string;
  title: string;
  targets?: { expr: string }[];
}
interface Dashboard {
  panels: Panel[];
  templating: { list: { name: string; type: string; query: string | { query: string } }[] };
}
const dashboard = JSON.parse(readFileSync(join(DOCS, 'grafana/niwa.json'), 'utf8')) as Dashboard;

let niwad: Niwad;
let server: ChildProcess;
let programs: string;

makeNetwork();
const place = nodePlace({}, { metricsListen: METRICS });
beforeAll(async () => {
  programs = await prometheus();
  niwad = await startOnNode(place);
  server = startPrometheus();
  await niwad.client.applyService(serviceOf({ drain: 0, owner: 'alice' }));
  await niwad.client.applyService({
    ...serviceOf({ drain: 0 }),
    service: 'broken',
    listen: ['0.0.0.0:8081'],
    template: { process: { args: ['/no/such/program'] } },
  });
  const limits = 'cpu' in host.missing ? {} : { resources: { cpu: { max: 0.1 } } };
  await niwad.start({
    ...{ id: 'busy', owner: 'alice', network: {}, ...limits },
    process: { args: ['sh', '-c', 'while :; do :; done'] },
  });
}, 120_000 * SLOWNESS);
afterAll(async () => {
  if (server.exitCode === null && server.kill('SIGKILL')) await once(server, 'exit');
  rmSync(directory, { recursive: true });
});

/** Starts Prometheus with the configuration of the documentation, which reads once a second here. */
function startPrometheus(): ChildProcess {
  const [config] = /^ {4}scrape_configs:.*\n( {4}.+\n)+/m.exec(readFileSync(join(DOCS, 'operating.md'), 'utf8')) ?? [];
  const path = join(directory, 'prometheus.yml');
  writeFileSync(path, `global: {scrape_interval: 1s}\n${config?.replace(/^ {4}/gm, '')}`);
  mkdirSync(join(directory, 'data'));
  const flags = [`--config.file=${path}`, `--storage.tsdb.path=${join(directory, 'data')}`, '--log.level=warn'];
  const listen = `--web.listen-address=${SERVER}`;
  const words = [`--net=/run/netns/${NODE}`, join(programs, 'prometheus'), ...flags, listen];
  return spawn('nsenter', words, { stdio: ['ignore', 'inherit', 'inherit'] });
}

/** What Prometheus answers to requests, by their paths. */
function askPrometheus(paths: string[]): { status: string; error?: string; data: unknown }[] {
  const program = `
    const paths = JSON.parse(require('node:fs').readFileSync(0));
    Promise.all(paths.map((path) => fetch('http://${SERVER}/api/v1/' + path).then((answer) => answer.json())))
      .then((answers) => console.log(JSON.stringify(answers)));`;
  const output = execFileSync('nsenter', [`--net=/run/netns/${NODE}`, process.execPath, '--eval', program], {
    input: JSON.stringify(paths),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  return JSON.parse(output) as ReturnType<typeof askPrometheus>;
}

/** A query as Grafana sends it with all nodes and owners chosen. */
const filled = (expr: string) =>
  expr.replaceAll('$__rate_interval', RATE_INTERVAL).replace(/\$(instance|owner)/g, '.*');

/** Lets happen what the panels show: starts, ends, a container that gets ready, wakes, failures. */
async function live(): Promise<void> {
  const ready = await niwad.client.create(
    { process: { args: ['sleep', '1000'] }, ready: { command: ['true'] } },
    { ready: true },
  );
  await niwad.client.remove(ready.id, { force: true });
  const instance = await askOnce(WORLD);
  await askOnce(WORLD, { port: 8081, patience: 1 });
  if (instance.startsWith('shop')) await niwad.client.stop(instance);
}

/** Whether an answer has a number for at least one series. */
function hasValue(data: unknown): boolean {
  const { result = [] } = (data ?? {}) as { result?: { value: [number, string] }[] };
  return result.some(({ value: [, text] }) => text !== 'NaN');
}

const queries = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

it('each panel of the dashboard has a query', () => {
  const bare = dashboard.panels.filter(({ type, targets }) => type !== 'row' && targets === undefined);
  expect(bare).toEqual([]);
  expect(queries.length).toBeGreaterThan(30);
});

it(
  'Prometheus answers every query of the dashboard, and those of what this host counts with a value',
  async () => {
    const uncounted = Object.entries(OF_CONTROLLERS).filter(([controller]) => controller in host.missing);
    const expected = queries.filter(({ expr }) => !uncounted.some(([, names]) => names.test(expr)));
    const paths = (asked: typeof queries) => asked.map(({ expr }) => `query?query=${encodeURIComponent(filled(expr))}`);
    await vi.waitFor(async () => {
      await live();
      const answers = askPrometheus(paths(expected));
      expect(expected.filter((_, i) => !hasValue(answers[i]?.data)).map(({ title }) => title)).toEqual([]);
    }, PATIENCE);
    for (const [i, { status, error }] of askPrometheus(paths(queries)).entries())
      expect(status, `${queries[i]?.title}: ${error}`).toBe('success');
  },
  120_000 * SLOWNESS,
);

it('the choices of the dashboard are the nodes and the owners', () => {
  const lookups = dashboard.templating.list.filter(({ type }) => type === 'query');
  const paths = lookups.map(({ query }) => {
    const text = typeof query === 'string' ? query : query.query;
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(text) ?? [];
    return `label/${label}/values?match[]=${metric}`;
  });
  expect(askPrometheus(paths).map(({ data }) => data)).toEqual([[METRICS], expect.arrayContaining(['alice'])]);
});

it('the queries use only metrics that niwad has, also those that this host does not count', () => {
  const text = inside(NODE, 'curl', '--silent', '--show-error', `http://${METRICS}/metrics`);
  const known = new Set([...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name));
  const used = queries.flatMap(({ expr }) => [...expr.matchAll(/\b(\w+)\{/g)].map(([, name = '']) => name));
  expect(used.length).toBeGreaterThanOrEqual(queries.length);
  expect(used.filter((name) => !known.has(name.replace(/_bucket$/, '')))).toEqual([]);
});

it('promtool finds nothing to complain of in the metrics', () => {
  const text = inside(NODE, 'curl', '--silent', '--show-error', `http://${METRICS}/metrics`);
  expect(text).toContain('niwa_service_wakes_total{service="shop"}');
  const output = execFileSync(join(programs, 'promtool'), ['check', 'metrics'], { input: text, encoding: 'utf8' });
  expect(output).toBe('');
});
