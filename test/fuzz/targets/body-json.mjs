// @ts-check
// A body of JSON as readBodies() of src/api/server.ts takes it.
import { MAX_BODY_BYTES, requireBoundedJson } from '../../../dist/spec/bounds.js';
import { use } from '../bodies.mjs';

/** @type {import('../worker.mjs').Target} */
export default { run, maxBytes: MAX_BODY_BYTES, maxCpuMs: 50, json: true };

/** @param {Buffer} input */
function run(input) {
  const text = input.toString();
  requireBoundedJson('the body', text);
  try {
    return use(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return 'no JSON';
    throw error;
  }
}
