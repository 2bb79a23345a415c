import { type Static, type TSchema, Type } from 'typebox';
import { NiwaError } from '../protocol/errors.js';
import { problemsOf } from '../spec/check.js';
import type { ImageDefaults } from '../spec/image.js';
import { firstProblems } from '../spec/problems.js';

/** The configuration of an image, as the OCI image specification has it ("config.md"), and as Docker writes it. */

export const DIGEST_PATTERN = '^sha256:[0-9a-f]{64}$';
const nothing = Type.Null();
const text = Type.String({ pattern: '^[^\\u0000]*$', description: 'a string without NUL' });
const optional = <T extends TSchema & { description?: string }>(schema: T) =>
  Type.Optional(Type.Union([schema, nothing], { description: schema.description ?? 'an object, or nothing' }));

const ConfigSchema = Type.Object({
  architecture: Type.String({ description: 'an architecture such as "amd64"' }),
  os: Type.String({ description: 'an operating system such as "linux"' }),
  created: optional(Type.String({ description: 'a time' })),
  config: optional(
    Type.Object({
      User: optional(text),
      Env: optional(Type.Array(text, { maxItems: 10_000, description: 'a list of "NAME=VALUE"' })),
      Entrypoint: optional(Type.Array(text, { maxItems: 10_000, description: 'a list of strings without NUL' })),
      Cmd: optional(Type.Array(text, { maxItems: 10_000, description: 'a list of strings without NUL' })),
      WorkingDir: optional(text),
      Labels: optional(Type.Record(Type.String(), Type.String(), { description: 'an object of strings' })),
      StopSignal: optional(text),
    }),
  ),
  rootfs: Type.Object({
    type: Type.Literal('layers', { description: '"layers"' }),
    diff_ids: Type.Array(Type.String({ pattern: DIGEST_PATTERN, description: 'sha256: and 64 hexadecimal digits' }), {
      minItems: 1,
      maxItems: 500,
      description: 'a list of 1 to 500 digests',
    }),
  }),
});

type Config = Static<typeof ConfigSchema>;

/** An image: the defaults that its containers get, and its layers. */
export interface ImageConfig extends Omit<ImageDefaults, 'name' | 'id' | 'namesGroup'> {
  architecture: string;
  os: string;
  created: string | null;
  /** The hexadecimal sha256 of each layer's tar, the lowest first. */
  layers: string[];
}

/**
 * Reads the configuration of an image.
 * @throws NiwaError IMAGE_INVALID
 */
export function parseConfig(bytes: Buffer): ImageConfig {
  const value = parseJson(bytes, "the image's configuration");
  requireShape(ConfigSchema, value, "the image's configuration");
  const { architecture, os, created, config, rootfs } = value as Config;
  const { User, Env, Entrypoint, Cmd, WorkingDir, Labels, StopSignal } = config ?? {};
  return {
    architecture,
    os,
    created: created != null && !Number.isNaN(Date.parse(created)) ? new Date(created).toISOString() : null,
    layers: rootfs.diff_ids.map((digest) => digest.slice('sha256:'.length)),
    user: User || null,
    env: Object.fromEntries((Env ?? []).map(splitPair).filter(([name]) => name !== '')),
    entrypoint: Entrypoint ?? [],
    cmd: Cmd ?? [],
    cwd: WorkingDir || null,
    labels: Labels ?? {},
    stopSignal: StopSignal || null,
  };
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? ['', ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}

/** Reads JSON that is part of an image. @throws NiwaError IMAGE_INVALID */
export function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw new NiwaError('IMAGE_INVALID', `${what} is no JSON`, { cause: error });
  }
}

/**
 * Checks a value of an image against a schema.
 * @throws NiwaError IMAGE_INVALID with the first problems where the value does not fit
 */
export function requireShape(schema: Parameters<typeof problemsOf>[0], value: unknown, what: string): void {
  const problems = firstProblems(problemsOf(schema, value));
  if (problems.length === 0) return;
  const lines = problems.map(({ path, found, allowed }) => `${path}: found ${found}; allowed: ${allowed}`);
  throw new NiwaError('IMAGE_INVALID', `${what} is invalid: ${lines.join('; ')}`, { details: { problems } });
}
