import type { AnyCommand } from '../command.js';
import { completion } from './completion.js';

import { cp } from './cp.js';
import { drain } from './drain.js';
import { attach, exec } from './exec.js';
import { doctor, info, version } from './host.js';
import { image } from './image.js';
import { init } from './init.js';
import { inspect } from './inspect.js';
import { create, kill, pause, restart, resume, rm, start, stop } from './lifecycle.js';
import { logs } from './logs.js';
import { plan } from './plan.js';
import { pool } from './pool.js';
import { port, ports } from './ports.js';
import { prune } from './prune.js';
import { ps } from './ps.js';
import { run } from './run.js';
import { service } from './service.js';
import { top } from './top.js';
import { update } from './update.js';
import { usage } from './usage.js';
import { volume } from './volume.js';
import { events, stats, wait } from './watch.js';

/** Every command, in the order of `niwa --help`. */
export const COMMANDS = [
  run,
  exec,
  attach,
  cp,
  create,
  start,
  stop,
  restart,
  kill,
  pause,
  resume,
  rm,
  prune,
  ps,
  inspect,
  logs,
  wait,
  stats,
  top,
  events,
  usage,
  update,
  service,
  pool,
  port,
  ports,
  image,
  volume,
  drain,
  plan,
  init,
  doctor,
  info,
  completion,
  version,
] as unknown as AnyCommand[];
