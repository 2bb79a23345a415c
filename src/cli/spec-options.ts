import { statSync } from 'node:fs';
import type { Argv } from 'yargs';
import type { SpecInput } from '../protocol/spec.js';
import type { Common } from './command.js';
import { flag, type OptionsOf, text, texts } from './options/declare.js';
import { labelsOfFiles, variables, variablesOfFiles } from './options/environment.js';
import { appended, defined, isObject, merged, pairs } from './options/fields.js';
import { inOwnUnits, mergedLimits, toResources, toRlimits, withLimits } from './options/limits.js';
import { toMount, toTmpfs, toVolume, withMounts } from './options/mounts.js';
import { bridged, toNetwork, withNetwork } from './options/network.js';
import { RESTART_WORDS, toRestart } from './options/restart.js';
import { sharedNamespaces, toDevice, toSeccomp, withRights } from './options/rights.js';
import { numberOr, wrong } from './values.js';

/** The flags of a spec, in the form of yargs. */
export type SpecOptions = OptionsOf<typeof withSpec>;

/** Declares the flags of a spec, and the container's command as positional words. */
export function withSpec<O extends Common>(yargs: Argv<O>) {
  const file = 'read the spec from this YAML or JSON file (- for standard input); flags replace its fields';
  const root =
    "a directory, or a squashfs or erofs file, that becomes / (default: the host's / under a private overlay)";
  const image = 'the image to run: its files become /, its command, user and environment are defaults';
  const init = 'run a small init as the first process: it reaps processes and forwards signals';
  return withLimits(
    withRights(
      withMounts(
        withNetwork(
          yargs
            .positional('command', { type: 'string', array: true, describe: 'the program and its arguments' })
            .option('file', { alias: 'f', ...text(file) })
            .option('name', text('the id of the container (default: a random one)'))
            .option('lifetime', text('stop the container this long after its start, such as 90s'))
            .option('jitter', text('shorten the lifetime by a random time of at most this'))
            .option('root', text(root))
            .option('image', text(image))
            .option('entrypoint', text("run this program instead of the image's entrypoint"))
            .option('read-only', flag('make the root read-only'))
            .option('init', flag(init))
            .option('env', { alias: 'e', ...texts('NAME=VALUE: an environment variable; NAME takes your own value') })
            .option('env-file', texts('a file with a line NAME=VALUE or NAME for each variable'))
            .option('label', { alias: 'l', ...texts('NAME=VALUE: a label') })
            .option('label-file', texts('a file with a line NAME=VALUE for each label'))
            .option('owner', text('the customer or account for which the usage is counted'))
            .option('tty', { alias: 't', ...flag('give the container a terminal') })
            .option('user', { alias: 'u', ...text('USER or USER:GROUP, as numbers or names') })
            .option('workdir', { alias: 'w', ...text('the working directory') })
            .option('hostname', text('the host name in the container (default: the id)'))
            .option('restart', text(RESTART_WORDS))
            .option('ready', text('the readiness check: tcp:PORT or http:PORT/PATH'))
            .option('stop-signal', text('the signal that asks the container to end (SIGTERM)'))
            .option('stop-timeout', text('the time between the stop signal and SIGKILL (10s)')),
        ),
      ),
    ),
  );
}

/**
 * Makes a spec from the flags and the container's command, on top of `base`. Fields without a flag are left as in
 * `base`.
 * @param words the container's command
 * @param base the spec of a file
 * @throws NiwaError SPEC_INVALID if the value of a flag does not follow its grammar
 */
export function toSpec(options: SpecOptions, words: string[], base: Partial<SpecInput> = {}): SpecInput {
  const resources = toResources(options);
  return defined({
    ...base,
    id: options.name ?? base.id,
    process: merged(base.process ?? {}, {
      args: words.length > 0 ? words : undefined,
      entrypoint: options.entrypoint === undefined ? undefined : [options.entrypoint],
      env: merged(base.process?.env, { ...variablesOfFiles(options.envFile), ...variables('--env', options.env) }),
      cwd: options.workdir,
      user: options.user,
      tty: options.tty,
    }),
    root: merged(options.root === undefined && options.image === undefined ? base.root : withoutSource(base.root), {
      ...rootFrom(options.root),
      image: options.image,
      readonly: options.readOnly,
    }),
    hostname: options.hostname ?? base.hostname,
    mounts: appended(base.mounts, [
      ...(options.volume ?? []).map(toVolume),
      ...(options.mount ?? []).map(toMount),
      ...(options.tmpfs ?? []).map(toTmpfs),
    ]),
    namespaces: merged(base.namespaces, { network: toNetwork(options.network), ...sharedNamespaces(options) }),
    network: bridged(base.network, options),
    shmSize: inOwnUnits(options.shmSize) ?? base.shmSize,
    sysctls: merged(base.sysctls, pairs('--sysctl', options.sysctl)),
    resources: resources === undefined ? base.resources : mergedLimits(base.resources, resources),
    rlimits: merged(base.rlimits, toRlimits(options.ulimit)),
    capabilities: merged(base.capabilities, {
      add: appended(base.capabilities?.add, options.capAdd),
      drop: appended(base.capabilities?.drop, options.capDrop),
    }),
    userns: options.userns ?? base.userns,
    seccomp: toSeccomp(options.securityOpt) ?? base.seccomp,
    devices: appended(base.devices, (options.device ?? []).map(toDevice)),
    oomScoreAdj: numberOr(options.oomScoreAdj) ?? base.oomScoreAdj,
    lifetime: options.lifetime ?? base.lifetime,
    jitter: options.jitter ?? base.jitter,
    stopSignal: options.stopSignal ?? base.stopSignal,
    stopTimeout: options.stopTimeout ?? base.stopTimeout,
    restart: toRestart(options.restart, base.restart),
    init: options.init ?? base.init,
    labels: merged(base.labels, { ...labelsOfFiles(options.labelFile), ...pairs('--label', options.label) }),
    owner: options.owner ?? base.owner,
    ready: toReady(options.ready, base.ready),
  }) as SpecInput;
}

/**
 * The field for a root: a file is an image, any other path is a directory. If the path cannot be read, niwad refuses it
 * later.
 */
function rootFrom(path: string | undefined): NonNullable<SpecInput['root']> {
  if (path === undefined) return {};
  return isFile(path) ? { file: path } : { path };
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function withoutSource(root: SpecInput['root']): SpecInput['root'] {
  if (!isObject(root)) return root;
  const { path, file, image, ...rest } = root;
  return rest;
}

/**
 * Makes the readiness check. A check from the flags replaces the check of the base, but keeps the times of the base.
 */
function toReady(value: string | undefined, base: SpecInput['ready']): object | undefined {
  if (value === undefined || (base !== undefined && !isObject(base))) return base;
  const { tcp: _, http: __, ...times } = base ?? {};
  const [, kind, port, path] = /^(tcp|http):([0-9]{1,5})(\/.*)?$/.exec(value) ?? [];
  if (kind === 'http') return { ...times, http: { port: Number(port), path: path ?? '/' } };
  if (kind === undefined || path !== undefined) wrong('--ready', value, 'tcp:PORT or http:PORT/PATH');
  return { ...times, tcp: Number(port) };
}
