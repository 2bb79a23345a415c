import { describe, expect, it } from 'vitest';
import { indexColumns } from '../../../src/accounting/columns.js';
import { addMemoryTime, endMemoryTime } from '../../../src/accounting/memory-time.js';

const columns = indexColumns(['memory.current', 'memory.peak']);
const at = (usec: number, bytes: number, peak = Number.NaN) => ({ usec, row: Float64Array.of(bytes, peak) });

describe('the byte-seconds of memory', () => {
  it('are the mean of two readings times the time between them', () => {
    const sum = addMemoryTime({ byteSeconds: 100, usec: 1e6, bytes: 1000 }, at(3e6, 3000), columns);
    expect(sum).toEqual({ byteSeconds: 4100, usec: 3e6, bytes: 3000 });
  });

  it('take the first reading for the time before it', () => {
    const sum = addMemoryTime({ byteSeconds: 0, usec: 1e6, bytes: null }, at(11e6, 50), columns);
    expect(sum).toEqual({ byteSeconds: 500, usec: 11e6, bytes: 50 });
  });

  it('take what it had last for the time until the end, when all is given back', () => {
    const sum = endMemoryTime({ byteSeconds: 100, usec: 1e6, bytes: 1000 }, at(3e6, 0, 5000), columns);
    expect(sum).toEqual({ byteSeconds: 2100, usec: 3e6, bytes: 0 });
  });

  it('take half of the peak for a life without a reading', () => {
    const sum = endMemoryTime({ byteSeconds: 0, usec: 1e6, bytes: null }, at(1.5e6, 0, 4000), columns);
    expect(sum).toEqual({ byteSeconds: 1000, usec: 1.5e6, bytes: 0 });
  });

  it('stay where the host counts no memory, and where no time has passed', () => {
    const sum = { byteSeconds: 7, usec: 5e6, bytes: 10 };
    expect(addMemoryTime(sum, at(9e6, Number.NaN), columns)).toEqual(sum);
    expect(endMemoryTime(sum, at(9e6, Number.NaN), columns)).toEqual(sum);
    expect(addMemoryTime(sum, at(5e6, 10), columns)).toEqual(sum);
  });
});
