// @ts-check
// A body of YAML as readBodies() of src/api/server.ts takes it.
import { MAX_YAML_BYTES, MAX_YAML_TOKENS, requireBounded } from '../../../dist/spec/bounds.js';
import { parseYaml } from '../../../dist/spec/yaml.js';
import { use } from '../bodies.mjs';

/** @type {import('../worker.mjs').Target} */
export default { run, maxBytes: MAX_YAML_BYTES, maxCpuMs: 50, json: true };

/** @param {Buffer} input */
function run(input) {
  const value = parseYaml(input.toString(), 'the body', MAX_YAML_TOKENS);
  requireBounded('the body', value);
  return use(value);
}
