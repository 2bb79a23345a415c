import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { onTestFinished, vi } from 'vitest';
import { PATIENCE } from './host.js';
import { WORLD } from './network.js';

/** Clients of services: wrk, many connections at once, HAProxy. All are in the network namespace of the world. */

/** The address of the node, as the world sees it. */
export const NODE_ADDRESS = '192.0.2.1';
/** The address of the world, where HAProxy listens. */
export const WORLD_ADDRESS = '192.0.2.2';

const WRK_SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));
const SERVICES_DOC = fileURLToPath(new URL('../../../docs/services.md', import.meta.url));
/** Where the recipes of docs/services.md find the service. */
const DOC_NODE = '192.0.2.10:8080';
const AT_ONCE = fileURLToPath(new URL('at-once.mjs', import.meta.url));

/** What became of a load: answered requests, those that failed by the kind of the error, and latencies. */
export interface LoadResult {
  requests: number;
  usec: number;
  connect: number;
  read: number;
  write: number;
  /** Answers with a status of 400 or more. */
  status: number;
  timeout: number;
  medianUsec: number;
  maxUsec: number;
}

/** How many requests failed. */
export function failuresOf({ connect, read, write, status, timeout }: LoadResult): number {
  return connect + read + write + status + timeout;
}

/** One line that says how a load went. */
export function loadText(what: string, result: LoadResult): string {
  const { requests, usec, medianUsec, maxUsec } = result;
  const rate = Math.round((requests * 1e6) / usec);
  const times = `median ${(medianUsec / 1000).toFixed(1)} ms, longest ${(maxUsec / 1000).toFixed(0)} ms`;
  return `${what}: ${requests} requests (${rate} a second), ${failuresOf(result)} failed; ${times}`;
}

export interface LoadOptions {
  seconds: number;
  connections?: number;
  /** Whether connections are kept for further requests; else each request has one of its own. */
  keepAlive?: boolean;
}

/** Asks for a page again and again, as fast as it is answered. */
export async function load(
  url: string,
  { seconds, connections = 2, keepAlive = false }: LoadOptions,
): Promise<LoadResult> {
  const close = keepAlive ? [] : ['-H', 'Connection: close'];
  const flags = [
    '-t',
    '1',
    '-c',
    `${connections}`,
    '-d',
    `${seconds}s`,
    '--timeout',
    '30s',
    '-s',
    WRK_SCRIPT,
    ...close,
  ];
  const { stdout } = await inWorld('wrk', ...flags, url);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

/** Opens many connections at once, and asks each for a page. @returns how many ended how: "answered", or an error */
export async function askAtOnce(port: number, count: number): Promise<{ ends: Record<string, number>; ms: number }> {
  const limits = ['prlimit', '--nofile=4096:4096'];
  const { stdout } = await inWorld(...limits, process.execPath, AT_ONCE, NODE_ADDRESS, `${port}`, `${count}`);
  return JSON.parse(stdout);
}

/** Asks for a page by curl; the time is from the first SYN to the last byte. */
export async function askOnce(url: string): Promise<{ status: number; body: string; ms: number }> {
  const { stdout } = await inWorld('curl', '-sS', '-m', '60', '-w', '\n%{http_code} %{time_total}', url);
  const end = stdout.lastIndexOf('\n');
  const [status = '', seconds = ''] = stdout.slice(end + 1).split(' ');
  return { status: Number(status), body: stdout.slice(0, end), ms: Number(seconds) * 1000 };
}

/**
 * Starts HAProxy in front of a service until the end of the test, with the recipe of docs/services.md.
 * @param directory for its configuration
 * @param port where it listens, and where the service is on the node
 */
export async function startHaproxy(directory: string, port: number): Promise<void> {
  const path = join(directory, `haproxy-${port}.cfg`);
  writeFileSync(path, haproxyConfig(port));
  const proxy = execa('nsenter', [`--net=/run/netns/${WORLD}`, 'haproxy', '-db', '-f', path], { reject: false });
  onTestFinished(async () => {
    proxy.kill('SIGKILL');
    await proxy;
  });
  await vi.waitFor(() => inWorld('sh', '-c', `ss -ltnH sport = :${port} | grep -q .`), PATIENCE);
}

/** The recipe of docs/services.md, with the addresses of the test. */
function haproxyConfig(port: number): string {
  const [, recipe = ''] = /^\*\*HAProxy\*\*.*\n\n((?: {4}.*\n|\n)+)/m.exec(readFileSync(SERVICES_DOC, 'utf8')) ?? [];
  const placed = recipe
    .replace('bind :80', `bind ${WORLD_ADDRESS}:${port}`)
    .replace(DOC_NODE, `${NODE_ADDRESS}:${port}`);
  return `global\n  maxconn 2000\n${placed}`;
}

function inWorld(...command: string[]) {
  return execa('nsenter', [`--net=/run/netns/${WORLD}`, ...command]);
}
