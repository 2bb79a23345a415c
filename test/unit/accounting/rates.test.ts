import { describe, expect, it } from 'vitest';
import { indexColumns } from '../../../src/accounting/columns.js';
import { ratesBetween } from '../../../src/accounting/rates.js';

const names = [
  'cpu.stat:usage_usec',
  'cpu.stat:throttled_usec',
  'io.stat:rbytes',
  'io.stat:wbytes',
  'io.stat:rios',
  'io.stat:wios',
  'network:rx_bytes',
  'network:tx_bytes',
];
const columns = indexColumns(names);
const at = (usec: number, ...figures: number[]) => ({ usec, row: Float64Array.from(figures) });

describe('rates', () => {
  it('are per microsecond of time for the processor, per second for the rest', () => {
    const rates = ratesBetween(
      at(1e6, 0, 0, 0, 100, 0, 10, 0, 5),
      at(3e6, 1e6, 500_000, 2048, 100, 4, 11, 2e6, 7),
      columns,
    );
    expect(rates).toEqual({
      interval_usec: 2_000_000,
      cpu: 0.5,
      throttled: 0.25,
      rbytes_per_second: 1024,
      wbytes_per_second: 0,
      rios_per_second: 2,
      wios_per_second: 0.5,
      rx_bytes_per_second: 1e6,
      tx_bytes_per_second: 1,
    });
  });

  it('are null for what either reading lacks', () => {
    const { NaN: none } = Number;
    const rates = ratesBetween(at(0, 0, none, 0, none, 0, 0), at(1e6, 0, none, none, 1, 0, 0), columns);
    expect(rates).toMatchObject({ cpu: 0, throttled: null, rbytes_per_second: null, wbytes_per_second: null });
  });

  it.each([0, -5])('are null over an interval of %i microseconds', (interval) => {
    const rates = ratesBetween(at(10, 0, 0, 0, 0, 0, 0), at(10 + interval, 9, 9, 9, 9, 9, 9), columns);
    expect(rates).toEqual({
      interval_usec: interval,
      cpu: null,
      throttled: null,
      rbytes_per_second: null,
      wbytes_per_second: null,
      rios_per_second: null,
      wios_per_second: null,
      rx_bytes_per_second: null,
      tx_bytes_per_second: null,
    });
  });

  it('are 0 and not negative where a counter went back', () => {
    expect(ratesBetween(at(0, 9, 9, 9, 9, 9, 9), at(1, 5, 5, 5, 5, 5, 5), columns)).toMatchObject({
      cpu: 0,
      rios_per_second: 0,
    });
  });
});
