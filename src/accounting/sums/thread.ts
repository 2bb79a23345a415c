import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../protocol/errors.js';
import { Extracts, type SegmentPart } from './extracts.js';
import { addToPage, rowText, UsagePage, type UsageQuery } from './page.js';

/** The program of a thread that sums. It serves one query, and does only as much work as each question asks for. */

/** The data that the thread is started with. */
export interface ThreadData {
  /** The directory of the extracts. */
  directory: string;
  parts: SegmentPart[];
  /** null where the thread only makes the extracts. */
  query: UsageQuery | null;
}

/** A question. `page`: sum the next `most` keys behind the key `after`. `rows`: give the next rows of that page. */
export type Question = { type: 'page'; after: string | undefined; most: number } | { type: 'rows' };

/**
 * An answer. `page`: the last key of the page, whether there are keys behind it, and the number of damaged lines in the
 * ledger. `rows`: rows as JSON, with commas between them; empty where the page has no more rows.
 */
export type Answer =
  | { type: 'page'; last: string | null; more: boolean; skipped: number }
  | { type: 'rows'; text: string }
  | { type: 'failed'; message: string };

/** The most characters in one answer: a longer text would hold up the event loop of niwad, which takes it. */
const TEXT_LENGTH = 64 * 1024;

async function main(): Promise<void> {
  // of this thread alone, so that requests for containers come first
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
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
