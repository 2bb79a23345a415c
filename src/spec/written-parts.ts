import { isIPv6 } from 'node:net';
import type { Hook, Hooks, IntervalHook, Program, Ready } from '../protocol/resolved-hooks.js';
import type { BindMount, Network, PublishedPort, Root, TmpfsMount } from '../protocol/resolved-spec.js';
import type { HooksInput, NetworkInput, SpecInput } from '../protocol/spec.js';
import { FAILABLE_POINTS } from './hooks.js';
import { ANY_PORT } from './network.js';
import { given, notEmpty, unless, writtenBytes, writtenCheck, writtenDuration } from './written-values.js';

/** The parts of a spec as its user could have written them. Pure. */

/** Writes where the root comes from; the host's own root is what a spec without a root means. */
export function writtenRoot({ path, file, image, readonly, overlay }: Root): NonNullable<SpecInput['root']> {
  const hasOverlay = path === '/' || image !== null || file !== null; // unless the spec says otherwise
  const words = overlay && given({ size: sizeOf(overlay.sizeBytes), directory: overlay.directory ?? undefined });
  return given({
    path: path === null ? undefined : unless('/', path),
    file: file ?? undefined,
    image: image?.name,
    readonly: readonly || undefined,
    overlay: words === null ? unless(hasOverlay, false) : (notEmpty(words) ?? unless(hasOverlay, true)),
  });
}

/** @param isMapped whether the container has a user namespace, without which files always keep their ids */
export function writtenMount(
  mount: BindMount | TmpfsMount,
  isMapped: boolean,
): NonNullable<SpecInput['mounts']>[number] {
  const { type, target, readonly } = mount;
  if (type === 'tmpfs')
    return { type, target, ...given({ size: sizeOf(mount.sizeBytes), readonly: readonly || undefined }) };
  const { source, idmap, propagation, volume } = mount;
  if (volume !== undefined)
    return { type: 'volume', source: volume.name, target, ...given({ readonly: readonly || undefined }) };
  const isChosen = typeof idmap === 'object' || (typeof idmap === 'boolean' && isMapped);
  return {
    type,
    source,
    target,
    ...given({
      readonly: readonly || undefined,
      idmap: isChosen ? idmap : undefined,
      propagation: unless<BindMount['propagation']>('private', propagation),
    }),
  };
}

export function writtenNetwork({ address, ports, group, rate, linkLocal, dns, hosts }: Network): NetworkInput {
  return {
    mode: 'bridge',
    ...given({
      address: address ?? undefined,
      ports: notEmpty(ports.map(writtenPort)),
      group: group ?? undefined,
      rate: notEmpty(given({ in: sizeOf(rate.in), out: sizeOf(rate.out) })),
      linkLocal: unless<Network['linkLocal']>('deny', linkLocal),
      dns: notEmpty(
        given({
          servers: dns.servers ?? undefined,
          search: dns.search ?? undefined,
          options: dns.options ?? undefined,
        }),
      ),
      hosts: notEmpty(hosts),
    }),
  };
}

/** Writes a port as `[ADDRESS:]PORT:PORT[/udp]`, or as `PORT` or `ADDRESS::PORT` where niwad has yet to choose one. */
function writtenPort({ protocol, hostAddress, host, container }: PublishedPort) {
  const own = host === ANY_PORT ? undefined : host;
  if (hostAddress?.includes('%')) return { container, protocol, hostAddress, ...given({ host: own }) };
  const address = hostAddress === null ? '' : isIPv6(hostAddress) ? `[${hostAddress}]:` : `${hostAddress}:`;
  const outside = own === undefined && address === '' ? '' : `${address}${own ?? ''}:`;
  return `${outside}${container}${protocol === 'tcp' ? '' : `/${protocol}`}`;
}

export function writtenHooks(hooks: Hooks): HooksInput {
  const points = Object.entries(hooks).map(([point, list]) => {
    const usual = FAILABLE_POINTS.some((failable) => failable === point) ? 'fail' : 'log';
    return [point, list.map((hook) => writtenHook(hook, usual))];
  });
  return Object.fromEntries(points) as HooksInput;
}

function writtenHook(hook: Hook | IntervalHook, usual: Hook['onError']) {
  if ('everyUsec' in hook) return { ...writtenProgram(hook), every: writtenDuration(hook.everyUsec) };
  return { ...writtenProgram(hook), ...given({ onError: unless(usual, hook.onError) }) };
}

function writtenProgram({ args, env, timeoutUsec }: Program) {
  return { args, ...given({ env: notEmpty(env) }), timeout: writtenDuration(timeoutUsec) };
}

export function writtenReady({ check, everyUsec, timeoutUsec, onTimeout }: Ready): NonNullable<SpecInput['ready']> {
  return {
    ...writtenCheck(check),
    every: writtenDuration(everyUsec),
    timeout: writtenDuration(timeoutUsec),
    ...given({ onTimeout: unless<Ready['onTimeout']>('stop', onTimeout) }),
  };
}

function sizeOf(bytes: number | null): string | number | undefined {
  return bytes === null ? undefined : writtenBytes(bytes);
}
