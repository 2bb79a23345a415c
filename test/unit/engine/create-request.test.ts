import { describe, expect, it } from 'vitest';
import { createRequest, createTemplate } from '../../../src/engine/create-request.js';
import { makePlan } from '../../../src/plan/plan.js';
import type { Spec } from '../../../src/protocol/resolved-spec.js';
import { capableHost, specOf } from '../support.js';

const LOG = { maxBytes: 2 ** 20, maxFiles: 4, bytesPerSecond: 0 };
const OWN = {
  handle: 7,
  owner: 65_536,
  fifos: { stdout: '/run/web/stdout', stderr: '/run/web/stderr' },
  files: [['/run/web/hostname', 'web\n'] as const],
  logDirectory: '/logs/web',
  networkOf: 0,
  program: new Uint8Array(12),
  start: null,
};

function requestOf(spec: Spec) {
  const plan = makePlan(spec, { ...capableHost, idRange: { start: 65_536, size: 65_536 } });
  return createRequest(createTemplate(spec, plan, LOG), spec, plan, OWN);
}

describe('the request to make a container', () => {
  it('has the ids of the host that the container gets', () => {
    const request = requestOf(specOf({ id: 'web', process: { args: ['/x'], user: '5:6' } }));
    const map = '0 65536 65536\n';
    expect(request).toMatchObject({ uidMap: map, gidMap: map, owner: 65_536, stdioUid: 65_541, stdioGid: 65_542 });
  });

  it('has no maps in the user namespace of the host', () => {
    const request = requestOf(specOf({ id: 'web', userns: 'host', process: { args: ['/x'], user: '5:6' } }));
    expect(request).toMatchObject({ uidMap: '', gidMap: '', stdioUid: 5, stdioGid: 6 });
  });

  it('has in its template what all containers of the plan have', () => {
    const { template } = requestOf(
      specOf({ id: 'web', resources: { pids: 50 }, process: { args: ['/x'], stdin: true } }),
    );
    expect(template).toMatchObject({ stdin: true, image: '', pidNamespace: '', log: LOG });
    expect(template.writes).toContainEqual(['pids.max', '50']);
    expect(JSON.stringify(template)).not.toContain('web');
  });
});
