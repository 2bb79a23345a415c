import { readFileSync } from 'node:fs';

/**
 * Says whether this process has a negative oom_score_adj, so that the OOM killer takes other processes first, see
 * proc(5).
 */
export function isOomProtected(): boolean {
  return Number(readFileSync('/proc/self/oom_score_adj', 'utf8')) < 0;
}
