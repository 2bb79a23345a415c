// @ts-check
// What is done with the body of a request, whether it came as JSON or as YAML.

import { encodeProgram } from '../../dist/plan/encode.js';
import { makePlan } from '../../dist/plan/plan.js';
import { NiwaError } from '../../dist/protocol/errors.js';
import { LifetimeBody, StopBody, UpdateBody } from '../../dist/protocol/requests.js';
import { problemsOf } from '../../dist/spec/check.js';
import { parseExec } from '../../dist/spec/exec.js';
import { parseSpec } from '../../dist/spec/spec.js';
import { HOST } from './host.mjs';

const IMAGE = {
  name: 'seed:1',
  id: `sha256:${'0'.repeat(64)}`,
  layers: ['/images/0'],
  user: null,
  namesGroup: false,
  env: { PATH: '/bin' },
  entrypoint: ['/entry'],
  cmd: ['word'],
  cwd: '/srv',
  labels: { 'of-the-image': 'yes' },
  stopSignal: null,
};
/** So that limits are planned, too. */
const CAPABLE = /** @type {any} */ ({
  ...HOST,
  controllers: { available: ['cpu', 'memory', 'io', 'pids', 'cpuset'], missing: {} },
  devices: { '/dev/vda': '254:0' },
});
const PLAIN = parseSpec({ process: { args: ['true'] } }, 'plain');

/**
 * Uses a body for all that it may be of. A spec that is taken has a program; so it has when it is sent again as the API
 * shows it.
 * @param {unknown} body
 * @returns {string} what came of it
 */
export function use(body) {
  const requests = [UpdateBody, LifetimeBody, StopBody].map((schema) => problemsOf(schema, body).length === 0);
  return `${requests} ${wordOf(() => parseExec(body, PLAIN))} ${wordOf(() => planOf(body))}`;
}

/** @param {unknown} body */
function planOf(body) {
  const spec = parseSpec(body, 'fuzzed', () => IMAGE);
  encodeProgram(makePlan(spec, CAPABLE).boot);
}

/**
 * @param {() => void} action
 * @returns {string}
 */
function wordOf(action) {
  try {
    action();
    return 'taken';
  } catch (error) {
    if (!(error instanceof NiwaError)) throw error;
    const problems = error.details.problems ?? [];
    return `${error.code} ${[...new Set(problems.map(({ allowed }) => allowed))].sort().join()}`;
  }
}
