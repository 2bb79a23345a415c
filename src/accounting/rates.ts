import type { Rates } from '../protocol/usage.js';
import { type Columns, figure } from './columns.js';

/** One reading: its time (CLOCK_BOOTTIME, in microseconds) and its figures. */
export interface Reading {
  usec: number;
  row: Float64Array;
}

/** Derives rates from two readings. All rates are null where both readings have the same time. */
export function ratesBetween(before: Reading, after: Reading, columns: Columns): Rates {
  const interval = after.usec - before.usec;
  const perUsec = (name: string) => {
    const [from, to] = [figure(before.row, columns, name), figure(after.row, columns, name)];
    return from === null || to === null || interval <= 0 ? null : Math.max(0, to - from) / interval;
  };
  const perSecond = (name: string) => {
    const rate = perUsec(name);
    return rate === null ? null : rate * 1e6;
  };
  return {
    interval_usec: interval,
    cpu: perUsec('cpu.stat:usage_usec'),
    throttled: perUsec('cpu.stat:throttled_usec'),
    rbytes_per_second: perSecond('io.stat:rbytes'),
    wbytes_per_second: perSecond('io.stat:wbytes'),
    rios_per_second: perSecond('io.stat:rios'),
    wios_per_second: perSecond('io.stat:wios'),
    rx_bytes_per_second: perSecond('network:rx_bytes'),
    tx_bytes_per_second: perSecond('network:tx_bytes'),
  };
}
