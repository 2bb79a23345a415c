/** What the package `niwa` gives to programs: the client of the socket, and the types of what it sends and gets. */
export type { HistoryPoint } from '../accounting/history.js';
export type { Rates } from '../accounting/rates.js';
export type { UsageRecord } from '../accounting/record.js';
export type { Usage } from '../accounting/usage.js';
export type { UsageRow } from '../accounting/usage-row.js';
export type { UsageAnswer } from '../api/routes/usage.js';
export type { DrainStatus } from '../containers/drain.js';
export type { RuntimeEvent, RuntimeEventType } from '../containers/registry.js';
export type { ContainerDetails, ContainerStatus, Exit, ExitReason, State } from '../engine/status.js';
export { type ErrorCode, type FailedStep, type FieldProblem, NiwaError } from '../errors.js';
export type { Check } from '../host/doctor/check.js';
export type { ImportProgress } from '../images/import.js';
export type { ImageInfo } from '../images/store.js';
export type { LogChunk } from '../logs/log.js';
export type { ExecInput } from '../spec/exec.js';
export type { ResourcesInput, SpecInput } from '../spec/schema.js';
export type { Spec } from '../spec/spec.js';
export {
  type Duration,
  type Info,
  type ListFilter,
  type LogsOptions,
  NiwaClient,
  type Stats,
  type UsageQuery,
} from './client.js';
export { ClientSession, type OutputPiece, type SessionExit } from './session.js';
