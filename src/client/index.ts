/**
 * The exports of the package `niwa` for programs: the client of the socket, and the types of its requests and answers.
 */

export type { ContainerDetails, ContainerStatus, Exit, ExitReason, State } from '../protocol/container.js';
export { type ErrorCode, type FailedStep, type FieldProblem, NiwaError } from '../protocol/errors.js';
export type { EventGap, EventLine, RuntimeEvent, RuntimeEventType } from '../protocol/events.js';
export type { ExecEnded, ExecInput, ExecStarted } from '../protocol/exec.js';
export type { SessionExit } from '../protocol/frames.js';
export type { Check, DrainStatus, Info } from '../protocol/host.js';
export type { ImageDetails, ImageInfo, ImagesPruned, ImportProgress } from '../protocol/images.js';
export type { LogChunk, ServiceLogChunk } from '../protocol/logs.js';
export type { Planned, Step } from '../protocol/plan.js';
export type { PoolInput, PoolStatus } from '../protocol/pools.js';
export type { UsageRecord } from '../protocol/record.js';
export type { Spec } from '../protocol/resolved-spec.js';
export type { ServiceInput } from '../protocol/service.js';
export type {
  ApplyAnswer,
  HistoryEntry,
  InstanceStatus,
  PortHolder,
  ServiceFigures,
  ServiceHistory,
  ServiceStatus,
  WakeAnswer,
} from '../protocol/services.js';
export type { DurationInput as Duration } from '../protocol/spec/values.js';
export type { ResourcesInput, SpecInput } from '../protocol/spec.js';
export type { Stats } from '../protocol/stats.js';
export type { HistoryPoint, Rates, Usage } from '../protocol/usage.js';
export type { UsageAnswer, UsageRow } from '../protocol/usage-sums.js';
export type { VolumeInfo, VolumesPruned } from '../protocol/volumes.js';
export { type EventsOptions, type ListFilter, type LogsOptions, NiwaClient } from './client.js';
export { ClientSession, type OutputPiece } from './session.js';
export type { UsageQuery } from './usage-pages.js';
