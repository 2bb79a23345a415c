import { expect, it } from 'vitest';
import { checkServices } from '../../../../src/host/doctor/services.js';
import { parseService } from '../../../../src/spec/service.js';

const serviceOf = (slots: number, max?: number | string) =>
  parseService({
    service: 'shop',
    listen: ['0.0.0.0:80'],
    port: 80,
    slots,
    template: { process: { args: ['x'] }, ...(max === undefined ? {} : { resources: { memory: { max } } }) },
  });

it('warns where the slots of all services together may use more memory than the node has', () => {
  const fits = [serviceOf(2, '256M'), serviceOf(1, 512 * 2 ** 20), serviceOf(16), serviceOf(16, 'max')];
  expect(checkServices(fits, 2 ** 30)).toMatchObject({
    status: 'ok',
    required: false,
    found: 'slots with memory.max may use 1.0G of 1.0G; services without memory.max in their template: 2',
  });
  expect(checkServices([serviceOf(2, '256M')], 2 ** 30).found).toBe('slots with memory.max may use 512.0M of 1.0G');
  expect(checkServices([...fits, serviceOf(1, '1M')], 2 ** 30)).toMatchObject({
    status: 'warning',
    cure: expect.stringContaining('fewer slots'),
  });
});
