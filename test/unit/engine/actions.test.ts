import { describe, expect, it } from 'vitest';
import { type Action, requireState } from '../../../src/engine/actions.js';
import type { State } from '../../../src/protocol/container.js';
import { refusal } from '../support.js';

const STATES: State[] = ['created', 'running', 'paused', 'stopping', 'exited'];

const allows = (action: Action, state: State) => {
  try {
    requireState(action, 'web', state);
    return true;
  } catch {
    return false;
  }
};

describe('states', () => {
  it.each<[Action, State[]]>([
    ['start', ['created']],
    ['stop', ['created', 'running', 'paused', 'stopping']],
    ['kill', ['created', 'running', 'paused', 'stopping']],
    ['pause', ['running']],
    ['resume', ['paused']],
    ['update', ['created', 'running', 'paused']],
    ['change the lifetime of', ['created', 'running', 'paused']],
    ['remove', ['exited']],
  ])('let %s through in %j only', (action, allowed) => {
    expect(STATES.filter((state) => allows(action, state))).toEqual(allowed);
  });

  it.each<[Action, State, string]>([
    ['start', 'running', 'cannot start container web: it is running, not created'],
    ['stop', 'exited', 'cannot stop container web: it is exited, not created or running or paused or stopping'],
    [
      'change the lifetime of',
      'stopping',
      'cannot change the lifetime of container web: it is stopping, not created or running or paused',
    ],
  ])('tell what is wrong with %s when %s', (action, state, message) => {
    const error = refusal(() => requireState(action, 'web', state));
    expect(error.code).toBe('STATE_CONFLICT');
    expect(error.message).toBe(message);
  });
});
