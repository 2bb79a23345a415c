import { expect, it } from 'vitest';
import { unusedProperties } from '../../../src/oci/group-place.js';

it('names the annotations that ask for properties of a scope, but not what every scope has', () => {
  expect(
    unusedProperties(
      {
        'org.systemd.property.CollectMode': "'inactive-or-failed'",
        'org.systemd.property.TimeoutStopUSec': 'uint64 90000000',
        'dev.niwa.lifetime': '1s',
      },
      ['lifetime'],
    ),
  ).toEqual(['annotations["org.systemd.property.TimeoutStopUSec"]']);
  expect(unusedProperties({ 'org.systemd.property.CollectMode': "'inactive'" }, [])).toHaveLength(1);
  expect(unusedProperties({ 'org.systemd.property.CollectMode': "'inactive'" }, ['property'])).toEqual([]);
});
