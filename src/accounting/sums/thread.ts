import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../errors.js';
import { Extracts, type SegmentPart } from './extracts.js';
import { addToPage, rowText, UsagePage, type UsageQuery } from './page.js';

/** The thread that sums: it serves one query, with as much work as it is told to do. */

/** What the thread is made with. */
export interface ThreadData {
  /** Where the extracts are. */
  directory: string;
  parts: SegmentPart[];
  /** null where the extracts are only made. */
  query: UsageQuery | null;
}

/** What it is asked for: the sums of the next keys, so many and behind one; or the next of their rows. */
export type Question = { type: 'page'; after: string | undefined; most: number } | { type: 'rows' };

/**
 * What it answers. `page`: the key of the last row, whether there are keys behind it, and the damaged lines of the ledger; `rows`:
 * JSON, with commas between, empty where there are no more in the page.
 */
export type Answer =
  | { type: 'page'; last: string | null; more: boolean; skipped: number }
  | { type: 'rows'; text: string }
  | { type: 'failed'; message: string };

/** Nothing of this length holds up the event loop that takes it. */
const TEXT_LENGTH = 64 * 1024;

async function main(): Promise<void> {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL); // of this thread alone: requests of containers come first
  const { directory, parts, query } = workerData as ThreadData;
  const extracts = new Extracts(directory, parts);
  let prepared = false;
  let rows: Iterator<string> = [].values();

  const answer = async (question: Question): Promise<Answer> => {
    if (question.type === 'rows') return { type: 'rows', text: rows.next().value ?? '' };
    if (!prepared) await extracts.prepare();
    prepared = true;
    if (query === null) return { type: 'page', last: null, more: false, skipped: 0 };
    const page = new UsagePage(query, question.after, question.most);
    await extracts.each((extract) => addToPage(page, query, extract));
    const sums = page.finish();
    rows = textsOf(sums.rows);
    return { type: 'page', last: sums.rows.at(-1)?.key ?? null, more: sums.more, skipped: sums.skipped };
  };
  parentPort?.on('message', (question: Question) => {
    answer(question)
      .catch((error: unknown): Answer => ({ type: 'failed', message: messageOf(error) }))
      .then((message) => parentPort?.postMessage(message));
  });
}

function* textsOf(rows: readonly { key: string | null; row: number[] }[]): Generator<string> {
  let text = '';
  for (const row of rows) {
    text += text === '' ? rowText(row) : `,${rowText(row)}`;
    if (text.length < TEXT_LENGTH) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

void main();
