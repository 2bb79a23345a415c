import { expect, it } from 'vitest';
import { withResolvers } from '../../../src/turns/with-resolvers.js';

it('gives a promise that waits until it is resolved', async () => {
  const { promise, resolve } = withResolvers<string>();
  const first = Promise.race([promise, Promise.resolve('waits')]);
  expect(await first).toBe('waits');
  resolve('done');
  expect(await promise).toBe('done');
});
