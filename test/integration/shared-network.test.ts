import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeCgroupTree } from '../../src/host/cgroup.js';
import { hostView } from '../../src/host/view.js';
import { kernel } from '../../src/kernel/addon.js';
import { newHandle } from '../../src/kernel/containers.js';
import { makePlan } from '../../src/plan/plan.js';
import { parseSpec } from '../../src/spec/spec.js';
import { createRequest } from './support/create-request.js';
import { makePlace, removePlace } from './support/niwad.js';

/** The addon in this very process: a container may be released just before another one is to share its network. */

const place = makePlace();
afterAll(() => removePlace(place));

test("a container whose network's owner has been released is not made, where it would get the network of niwad", async () => {
  const stage = join(place.directory, 'stage');
  mkdirSync(stage);
  kernel.containers.loadBootProgram();
  kernel.watch(() => {});
  const spec = parseSpec(
    { id: 'sharer', userns: 'host', namespaces: { network: 'container:gone' }, process: { args: ['sleep', '100'] } },
    '',
  );
  const plan = makePlan(spec, {
    ...hostView({ tree: makeCgroupTree(place.cgroup), stage, placeBytes: null }, kernel.host.canFilterDevices()),
    devices: {},
    deviceNodes: [],
    idRange: { start: 0, size: 0 },
    network: null,
  });
  const making = kernel.containers.create(
    createRequest(plan, place.directory, { handle: newHandle(), id: 'sharer', networkOf: newHandle() }),
  );
  await expect(making).rejects.toMatchObject({ errno: 'ESRCH', at: { phase: 'clone', step: 0 } });
});
