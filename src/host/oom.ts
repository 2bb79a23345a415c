import { readFileSync } from 'node:fs';

/** Whether the OOM killer spares this process before others, see proc(5): a service manager may have set it so. */
export function isOomProtected(): boolean {
  return Number(readFileSync('/proc/self/oom_score_adj', 'utf8')) < 0;
}
