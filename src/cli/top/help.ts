/** The lines of the help page. */
export const HELP: readonly string[] = [
  '',
  'sort   c cpu, m memory, i io, n network, p pressure, t throttled, l time left,',
  '       a id; r reverse; figures that the host does not count come last',
  'go     up down j k, page up, page down, home g, end G',
  'look   enter details of a container; / filter by id, owner or label as you type,',
  '       enter keeps it, esc clears it; space holds the picture',
  'end    q; ctrl-z suspends',
  '',
  'CPU%/MAX   use in percent of one processor, and its limit',
  'THR%       part of the time for which the limit held it back',
  'TREND      the last readings; the highest mark is the limit, else one processor',
  'MEM/MAX    memory in use, and its limit',
  'RD WR/s    bytes read from and written to disks; RX TX/s: of the network',
  'PSI c/m/i  percent of 10 s in which some process waited for cpu, memory, io',
  'LEFT       until the end of its lifetime; what has ended is shown for 5 s more',
  'S          Running, Paused, Created, Stopping, X: has ended',
];
