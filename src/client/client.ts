import { text } from 'node:stream/consumers';
import type { ContainerDetails, ContainerStatus, Exit, Readiness } from '../protocol/container.js';
import type { EventLine } from '../protocol/events.js';
import type { ExecInput, ExecStarted } from '../protocol/exec.js';
import type { DrainStatus, Health, Info } from '../protocol/host.js';
import type { LogChunk, LogLine, ServiceLogChunk, ServiceLogLine } from '../protocol/logs.js';
import type { Planned } from '../protocol/plan.js';
import type { EventsQuery, ListQuery, LogsQuery } from '../protocol/queries.js';
import type { ServiceInput } from '../protocol/service.js';
import type { ApplyAnswer, PortHolder, ServiceHistory, ServiceStatus, WakeAnswer } from '../protocol/services.js';
import type { DurationInput } from '../protocol/spec/values.js';
import type { ResourcesInput, SpecInput } from '../protocol/spec.js';
import type { Stats } from '../protocol/stats.js';
import type { HistoryPoint } from '../protocol/usage.js';
import type { UsageAnswer } from '../protocol/usage-sums.js';
import { followEvents } from './follow-events.js';
import { pathOf, pathOfService } from './paths.js';
import type { ClientSession } from './session.js';
import { StoreClient } from './store-client.js';
import { collect, withBytes } from './streams.js';
import type { Given } from './transport.js';
import { type UsageQuery, usagePages } from './usage-pages.js';

/** Which part of a container's output is sent. */
export type LogsOptions = Given<LogsQuery>;
/** Which events are sent, and from when on. */
export type EventsOptions = Given<EventsQuery>;
/** Which containers are listed: those that match all given fields. */
export type ListFilter = Given<Pick<ListQuery, 'state' | 'owner' | 'service' | 'label'>>;

/**
 * The API of niwad, typed. Every method throws a NiwaError, with the code of the daemon's error or
 * `DAEMON_UNREACHABLE`.
 */
export class NiwaClient extends StoreClient {
  /** Closes all connections; streams end with an error. */
  close(): void {
    this.http.close();
  }

  /** Gives all containers that match, in the order of their creation. */
  list(filter: ListFilter = {}): Promise<ContainerStatus[]> {
    return collect(this.containers(filter));
  }

  /**
   * Gives the same containers one after another. They are requested page by page, so that neither side ever has all of
   * them as text.
   */
  containers(filter?: ListFilter): AsyncGenerator<ContainerStatus>;
  containers<F extends keyof ContainerStatus>(
    filter: ListFilter,
    fields: readonly F[],
  ): AsyncGenerator<Pick<ContainerStatus, F>>;
  containers(filter: ListFilter = {}, fields?: readonly string[]): AsyncGenerator<ContainerStatus> {
    return this.http.pages('/v1/containers', { ...filter, fields: fields?.join(',') });
  }

  /**
   * Creates a container. `start` also starts it; `ready` also waits until it is ready or can no longer become ready;
   * `wait` also waits for its end.
   */
  create(
    spec: SpecInput,
    options: { start?: boolean; ready?: boolean; wait?: boolean } = {},
  ): Promise<ContainerStatus> {
    return this.http.json('POST', '/v1/containers', { query: options, body: spec });
  }

  /** Gives the plan that a start of a spec would follow, without a start. */
  plan(spec: SpecInput): Promise<Planned> {
    return this.http.json('POST', '/v1/plan', { body: spec });
  }

  inspect(id: string): Promise<ContainerDetails> {
    return this.http.json('GET', pathOf(id));
  }

  /**
   * Changes limits; limits that are left out stay the same. A memory limit below the container's current use would kill
   * the container, so it needs `force`.
   */
  update(id: string, resources: ResourcesInput, options: { force?: boolean } = {}): Promise<ContainerStatus> {
    return this.http.json('PATCH', pathOf(id), { body: { resources, ...options } });
  }

  /** Forgets an exited container; with `force`, a container that has not exited is killed first. */
  async remove(id: string, options: { force?: boolean } = {}): Promise<void> {
    await text(await this.http.request('DELETE', pathOf(id), { query: options }));
  }

  start(id: string): Promise<ContainerStatus> {
    return this.http.json('POST', `${pathOf(id)}/start`);
  }

  /** Sends the stop signal, and kills the container after the timeout; resolves when the container has exited. */
  stop(id: string, options: { timeout?: DurationInput; signal?: string } = {}): Promise<ContainerStatus> {
    return this.http.json('POST', `${pathOf(id)}/stop`, { body: options });
  }

  /** Stops a container as {@link stop} does, if it runs, and starts it again. */
  restart(id: string, options: { timeout?: DurationInput; signal?: string } = {}): Promise<ContainerStatus> {
    return this.http.json('POST', `${pathOf(id)}/restart`, { body: options });
  }

  kill(id: string, signal = 'SIGKILL'): Promise<ContainerStatus> {
    return this.http.json('POST', `${pathOf(id)}/kill`, { body: { signal } });
  }

  pause(id: string): Promise<ContainerStatus> {
    return this.http.json('POST', `${pathOf(id)}/pause`);
  }

  resume(id: string): Promise<ContainerStatus> {
    return this.http.json('POST', `${pathOf(id)}/resume`);
  }

  /** Resolves when a container has exited; with null if the timeout is over before. */
  wait(id: string): Promise<Exit>;
  wait(id: string, options: { timeout: string }): Promise<Exit | null>;
  wait(id: string, options: { timeout?: string } = {}): Promise<Exit | null> {
    return this.http.json('GET', `${pathOf(id)}/wait`, { query: options });
  }

  /** Resolves when a container is ready, or can no longer become ready. */
  waitReady(id: string): Promise<Readiness> {
    return this.http.json('GET', `${pathOf(id)}/wait`, { query: { for: 'ready' } });
  }

  /** Moves the deadline, given as the lifetime from the start (null for none) or as the time that remains from now. */
  setLifetime(
    id: string,
    change: { lifetime: DurationInput | null } | { remaining: DurationInput },
  ): Promise<ContainerStatus> {
    return this.http.json('PUT', `${pathOf(id)}/lifetime`, { body: change });
  }

  stats(id: string): Promise<Stats> {
    return this.http.json('GET', `${pathOf(id)}/stats`);
  }

  /** Gives the readings of one container, one in each interval, until the container ends. */
  streamStats(id: string): AsyncGenerator<Stats> {
    return this.http.lines(`${pathOf(id)}/stats`, { stream: true });
  }

  /** Gives the readings of all containers that have not exited, one list in each interval, without end. */
  streamAllStats(): AsyncGenerator<Stats[]> {
    return this.http.lines('/v1/stats', { stream: true });
  }

  allStats(): Promise<Stats[]> {
    return this.http.json('GET', '/v1/stats');
  }

  history(id: string): Promise<HistoryPoint[]> {
    return this.http.json('GET', `${pathOf(id)}/history`);
  }

  /**
   * Gives the events of containers, without end unless `until` sets one, even if niwad restarts: events from now on, or
   * with `after` or `since` also stored ones. A gap stands for events that are missing.
   */
  events(options: EventsOptions = {}): AsyncGenerator<EventLine> {
    return followEvents(this.http, options);
  }

  /** Gives the output of a container so far; with `follow`, also its later output, until the container has exited. */
  logs(id: string, options: LogsOptions = {}): AsyncGenerator<LogChunk> {
    return withBytes(this.http.lines<LogLine>(`${pathOf(id)}/logs`, { ...options }));
  }

  /** Starts an additional process in a container. */
  exec(id: string, request: Omit<ExecInput, 'detach'>): Promise<ClientSession> {
    return this.http.upgrade(`${pathOf(id)}/exec`, request);
  }

  /**
   * Starts an additional process in a container, which goes on without this client. Its standard streams are /dev/null;
   * the event `exec-ended` tells its end.
   */
  execDetached(id: string, request: Omit<ExecInput, 'detach' | 'tty' | 'stdin' | 'size'>): Promise<ExecStarted> {
    return this.http.json('POST', `${pathOf(id)}/exec`, { body: { ...request, detach: true } });
  }

  /** Connects to a container: gives its output from now on; with `stdin`, accepts input as the API's document says. */
  attach(id: string, { stdin = true } = {}): Promise<ClientSession> {
    return this.http.upgrade(`${pathOf(id)}/attach${stdin ? '' : '?stdin=false'}`);
  }

  /** Makes niwad refuse new containers; running containers go on until they end by themselves. */
  drain(): Promise<DrainStatus> {
    return this.http.json('POST', '/v1/drain');
  }

  /** Makes niwad accept new containers again. */
  undrain(): Promise<DrainStatus> {
    return this.http.json('DELETE', '/v1/drain');
  }

  drainStatus(): Promise<DrainStatus> {
    return this.http.json('GET', '/v1/drain');
  }

  /** Sums the use from the ledger. Gives all rows, or at most `limit`. */
  async usage(query: UsageQuery = {}): Promise<UsageAnswer> {
    const pages = await collect(this.usagePages(query));
    const { since, until, by, skipped_lines } = pages[0] as UsageAnswer;
    return { since, until, by, rows: pages.flatMap(({ rows }) => rows), skipped_lines };
  }

  /**
   * Gives the same sums page by page, so that neither side ever has all of them; with `limit`, only the first page.
   * @returns each page with the `after` of the next page; null with the last page
   */
  usagePages(query: UsageQuery = {}): AsyncGenerator<UsageAnswer & { next: string | null }> {
    return usagePages(this.http, query);
  }

  /** Gives all services, in the order of their names. */
  services(): Promise<ServiceStatus[]> {
    return this.http.json('GET', '/v1/services');
  }

  service(name: string): Promise<ServiceStatus> {
    return this.http.json('GET', pathOfService(name));
  }

  /**
   * Makes a service what is wanted: creates it, changes what differs, or does nothing. `dryRun` only tells what would
   * change; `now` replaces at once, one by one, the instances that serve.
   */
  applyService(service: ServiceInput, { dryRun = false, now = false } = {}): Promise<ApplyAnswer> {
    return this.http.json('PUT', pathOfService(service.service), { query: { dry_run: dryRun, now }, body: service });
  }

  /** Removes a service: its addresses are closed, its instances finish what they have and end. */
  async removeService(name: string): Promise<void> {
    await text(await this.http.request('DELETE', pathOfService(name)));
  }

  /** Wakes a service as a request would; resolves when an instance is routed. */
  wakeService(name: string): Promise<WakeAnswer> {
    return this.http.json('POST', `${pathOfService(name)}/wake`);
  }

  /** Holds a number of instances; null lets load decide again. */
  scaleService(name: string, instances: number | null): Promise<ServiceStatus> {
    return this.http.json('PUT', `${pathOfService(name)}/scale`, { body: { instances } });
  }

  /** Gives the decisions of the last hours, and the figures of their minutes, the oldest first. */
  serviceHistory(name: string): Promise<ServiceHistory> {
    return this.http.json('GET', `${pathOfService(name)}/history`);
  }

  /** Gives the output of all instances; with `follow`, also of later ones, until the service is removed. */
  serviceLogs(name: string, options: LogsOptions = {}): AsyncGenerator<ServiceLogChunk> {
    return withBytes(this.http.lines<ServiceLogLine>(`${pathOfService(name)}/logs`, { ...options }));
  }

  /** Gives who holds which port of the node: containers and services. */
  ports(): Promise<PortHolder[]> {
    return this.http.json('GET', '/v1/ports');
  }

  info(): Promise<Info> {
    return this.http.json('GET', '/v1/info');
  }

  health(): Promise<Health> {
    return this.http.json('GET', '/v1/health');
  }

  /** Gives the OpenAPI document of the API. */
  openapi(): Promise<object> {
    return this.http.json('GET', '/v1/openapi.json');
  }

  /** Gives the metrics as Prometheus text. */
  async metrics(): Promise<string> {
    return await text(await this.http.request('GET', '/metrics'));
  }
}
