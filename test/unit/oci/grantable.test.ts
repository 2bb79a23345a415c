import { expect, it, vi } from 'vitest';
import { grantableIn, withGrantable } from '../../../src/oci/grantable.js';
import { capabilityMask } from '../../../src/spec/capabilities.js';

const process = (names: string[]) => ({
  user: { uid: 0, gid: 0 },
  args: ['sh'],
  cwd: '/',
  capabilities: { bounding: names, effective: names, ambient: [] },
});

it('leaves out the capabilities that there are not to give, and tells each once', () => {
  const tell = vi.fn();
  const own = capabilityMask(['KILL', 'CHOWN']);
  const { capabilities } = withGrantable(process(['CAP_KILL', 'CAP_SYS_RESOURCE']), own, tell);
  expect(capabilities).toEqual({ bounding: ['CAP_KILL'], effective: ['CAP_KILL'], ambient: [] });
  expect(tell.mock.calls).toEqual([[[expect.stringContaining('process.capabilities "CAP_SYS_RESOURCE"')]]]);
});

it('changes nothing where all can be given', () => {
  const tell = vi.fn();
  const given = process(['CAP_KILL']);
  expect(withGrantable(given, capabilityMask(['KILL']), tell)).toBe(given);
  expect(tell).not.toHaveBeenCalled();
});

it('leaves out nothing in a user namespace: the kernel gives all capabilities there', () => {
  const own = capabilityMask(['KILL']);
  const within = (...types: string[]) => grantableIn({ linux: { namespaces: types.map((type) => ({ type })) } }, own);
  const asked = process(['CAP_KILL', 'CAP_SYS_RESOURCE']);
  expect(withGrantable(asked, within('mount', 'user'), vi.fn())).toBe(asked);
  expect([within('mount'), grantableIn({}, own)]).toEqual([own, own]);
});
