import type { Check } from '../../protocol/host.js';
import { canRun } from './diagnose.js';

/** The most names of checks in a summary. */
const NAMED = 6;

/**
 * Says in one line whether niwad can run, and which checks found something; the problems come before the warnings.
 * Pure.
 */
export function summaryOf(checks: readonly Check[]): string {
  const problems = checks.filter(({ status }) => status === 'missing');
  const warnings = checks.filter(({ status }) => status === 'warning');
  const state = canRun(checks) ? 'ready' : 'not ready';
  if (problems.length + warnings.length === 0) return `${state}: all ${counted(checks.length, 'check')} passed`;
  const counts = [counted(problems.length, 'problem'), counted(warnings.length, 'warning')];
  const found = counts.filter((count) => !count.startsWith('0')).join(', ');
  return `${state}: ${found} in ${counted(checks.length, 'check')}: ${namesOf([...problems, ...warnings])}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function namesOf(checks: readonly Check[]): string {
  const names = checks.map(({ name }) => name);
  const more = names.length - NAMED;
  return more > 0 ? `${names.slice(0, NAMED).join(', ')} and ${more} more` : names.join(', ');
}
