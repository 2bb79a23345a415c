import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { vi } from 'vitest';
import { parse } from 'yaml';
import type { ServiceInput } from '../../src/protocol/service.js';
import type { ServiceStatus } from '../../src/protocol/services.js';
import { PATIENCE } from '../integration/support/host.js';
import type { Niwad } from '../integration/support/niwad.js';
import { folderOf } from './support.js';

type Template = ServiceInput['template'];

/**
 * The spec of an example as the template of a service: without published ports, and with paths that hold anywhere.
 */
export function templateOf(example: string): Template {
  const folder = folderOf(example);
  const { network: _, mounts, root, ...spec } = parse(readFileSync(join(folder, 'niwa.yaml'), 'utf8'));
  const whole = (path: string) => (path.startsWith('.') ? resolve(folder, path) : path);
  return {
    ...spec,
    ...(root === undefined ? {} : { root: { ...root, path: whole(root.path) } }),
    mounts: mounts.map((mount: { source?: string }) =>
      mount.source === undefined ? mount : { ...mount, source: whole(mount.source) },
    ),
  };
}

/** A service at a port of all IPv4 addresses of the node. */
export function serviceAt(
  service: string,
  port: number,
  template: Template,
  more: Partial<ServiceInput> = {},
): ServiceInput {
  return { service, listen: [`0.0.0.0:${port}`], port: 80, template, ...more };
}

/** Waits until the status of a service fits. */
export async function untilService(
  niwad: Niwad,
  name: string,
  fits: (status: ServiceStatus) => boolean,
): Promise<ServiceStatus> {
  return await vi.waitFor(async () => {
    const status = await niwad.client.service(name);
    if (fits(status)) return status;
    throw new Error(`service ${name} is ${status.state}, with ${JSON.stringify(status.instances)}`);
  }, PATIENCE);
}

/** One line that says how long the last wake took, by its phases. */
export function wakeText({ name, last_wake: wake }: ServiceStatus): string {
  if (wake === null) return `${name} was never woken`;
  const [total, start, ready, route] = [wake.total_usec, wake.start_usec, wake.ready_usec, wake.route_usec].map(
    (usec) => (usec / 1000).toFixed(1),
  );
  return `${name} woke in ${total} ms: start ${start}, ready ${ready}, route ${route}`;
}
