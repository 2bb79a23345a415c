import { hostname } from 'node:os';
import { expect, it } from 'vitest';
import { ownFiles } from '../../../src/network/own-files.js';
import { specOf } from '../support.js';

const DIRECTORY = '/run/niwa/containers/web';
const filesOf = (fields: Parameters<typeof specOf>[0]) =>
  Object.fromEntries(ownFiles(specOf({ id: 'web', root: { path: '/srv/web' }, ...fields }), DIRECTORY));

it('are the name and the hosts of a container with a network namespace and a root of its own', () => {
  expect(filesOf({ hostname: 'one' })).toEqual({
    [`${DIRECTORY}/hosts`]: '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\tone\n',
    [`${DIRECTORY}/hostname`]: 'one\n',
  });
});

it('name the host where the container has its name', () => {
  expect(filesOf({ namespaces: { uts: 'host' } })[`${DIRECTORY}/hostname`]).toBe(`${hostname()}\n`);
});

it('are none on the bridge, whose files change with the members, and none where the container shows the host', () => {
  expect(filesOf({ network: {} })).toEqual({});
  expect(filesOf({ namespaces: { network: 'host' } })).toEqual({});
});
