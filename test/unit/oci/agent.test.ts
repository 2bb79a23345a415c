import { expect, it } from 'vitest';
import { agentWords } from '../../../src/oci/agent.js';

const SECCOMP = {
  defaultAction: 'SCMP_ACT_ALLOW',
  listenerPath: '/run/agent',
  listenerMetadata: 'a=b',
  syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
};
const STATE = { id: 'x', status: 'creating', pid: null, bundle: '/b', annotations: { a: '"\\u0000"' }, rootfs: '/r' };

it('gives the command the state for the agent, with a NUL for each pid that it has to write', () => {
  const [path, [name, text] = []] = agentWords(SECCOMP, STATE);
  expect([path, name]).toEqual([['agent', '/run/agent'], 'agent-state']);
  expect(text?.split('\0')).toHaveLength(3);
  const { rootfs, ...state } = STATE;
  expect(JSON.parse(text?.replaceAll('\0', '7') ?? '')).toEqual({
    ociVersion: expect.any(String),
    fds: ['seccompFd'],
    pid: 7,
    metadata: 'a=b',
    state: { ...state, ociVersion: expect.any(String), pid: 7 },
  });
});

it('gives the first process of the container beside that of an exec', () => {
  const text = agentWords(SECCOMP, { ...STATE, status: 'running', pid: 5 })[1]?.[1].replaceAll('\0', '7') ?? '';
  expect(JSON.parse(text)).toMatchObject({ pid: 7, state: { pid: 5, status: 'running' } });
});

it('does nothing for a filter that asks no agent', () => {
  expect(agentWords({ ...SECCOMP, syscalls: [] }, STATE)).toEqual([]);
  expect(agentWords(undefined, STATE)).toEqual([]);
});
