import { describe, expect, it } from 'vitest';
import { addMemoryTime } from '../../../src/accounting/memory-time.js';
import { indexColumns } from '../../../src/accounting/usage.js';

const columns = indexColumns(['memory.current']);
const at = (usec: number, bytes: number) => ({ usec, row: Float64Array.of(bytes) });

describe('the byte-seconds of memory', () => {
  it('are the mean of two readings times the time between them', () => {
    const sum = addMemoryTime({ byteSeconds: 100, usec: 1e6 }, at(1e6, 1000), at(3e6, 3000), columns);
    expect(sum).toEqual({ byteSeconds: 4100, usec: 3e6 });
  });

  it('take the first reading of a daemon for the time since the last one of the daemon before', () => {
    const sum = addMemoryTime({ byteSeconds: 100, usec: 1e6 }, null, at(11e6, 50), columns);
    expect(sum).toEqual({ byteSeconds: 600, usec: 11e6 });
  });

  it('stay where the host counts no memory, and where no time has passed', () => {
    const sum = { byteSeconds: 7, usec: 5e6 };
    expect(addMemoryTime(sum, null, at(9e6, Number.NaN), columns)).toEqual(sum);
    expect(addMemoryTime(sum, at(5e6, 10), at(5e6, 10), columns)).toEqual(sum);
  });
});
