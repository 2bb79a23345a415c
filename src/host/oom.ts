import { OwnFile } from './own-file.js';

const score = new OwnFile('oom_score_adj', (text) => Number(text) < 0);

/**
 * Says whether this process has a negative oom_score_adj, so that the OOM killer takes other processes first, see
 * proc(5).
 */
export function isOomProtected(): boolean {
  return score.read();
}
