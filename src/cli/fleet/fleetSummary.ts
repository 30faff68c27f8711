/**
 * What came of a command on many hosts, by phase.
 *
 * Owns: the tally, its table for people and its object for programs, and the
 * exit status it amounts to.
 * Must not know: where results come from, where the table goes.
 */
import type { SshError } from '../../base/errors.ts';
import type { FleetResult, FleetTimings } from '../../client/fleet/runOnAll.ts';
import { failureStatus } from '../exitStatus.ts';
import { aligned, duration, tenths } from '../figures.ts';

/** How far a host can get. `channel` is from the request for one until the command has started. */
export type Stage =
  | 'options'
  | 'connect'
  | 'identification'
  | 'keyExchange'
  | 'authentication'
  | 'channel'
  | 'command';

/** Milliseconds that a phase took, over all hosts. */
export interface Spread {
  readonly hosts: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** One phase: of those who got through it, and of those for whom it was the last. */
export interface StageSummary {
  readonly phase: Stage;
  readonly passed: Spread | null;
  readonly failed: Spread | null;
  /** How many of those who failed here did so with which code. */
  readonly codes: Readonly<Record<string, number>>;
}

type Outcome = FleetResult<unknown, unknown>;

const stages: readonly Stage[] = [
  'options',
  'connect',
  'identification',
  'keyExchange',
  'authentication',
  'channel',
  'command',
];

const titles: { readonly [Name in Stage]: string } = {
  options: 'options',
  connect: 'connect',
  identification: 'identification',
  keyExchange: 'key exchange',
  authentication: 'authentication',
  channel: 'channel',
  command: 'command',
};

export class FleetSummary {
  /** Commands that ended with status 0. */
  succeeded = 0;
  /** Commands that ended otherwise. */
  ended = 0;
  /** Hosts that did not get that far. */
  failed = 0;
  private readonly passedTimes = new Map<Stage, number[]>();
  private readonly failedTimes = new Map<Stage, number[]>();
  private readonly codes = new Map<Stage, Map<string, number>>();

  add(result: Outcome): void {
    const { timings } = result;
    for (const stage of stages) {
      const time = timeOf(timings, stage);
      if (time !== undefined) append(this.passedTimes, stage, time);
    }
    if (result.ok) {
      if (result.code === 0) this.succeeded++;
      else this.ended++;
      return;
    }
    this.failed++;
    const stage = stageOf(result.error);
    append(this.failedTimes, stage, Math.max(0, result.elapsed - total(timings)));
    const codes = this.codes.get(stage) ?? new Map<string, number>();
    codes.set(result.error.code, (codes.get(result.error.code) ?? 0) + 1);
    this.codes.set(stage, codes);
  }

  get hosts(): number {
    return this.succeeded + this.ended + this.failed;
  }

  /** 0 if all succeeded, 1 if some command ended with another status, 255 if some host did not get that far. */
  get status(): number {
    if (this.failed > 0) return failureStatus;
    return this.ended > 0 ? 1 : 0;
  }

  /** The phases that any host came to, in order. */
  get phases(): StageSummary[] {
    return stages
      .map((phase) => ({
        phase,
        passed: spread(this.passedTimes.get(phase)),
        failed: spread(this.failedTimes.get(phase)),
        codes: Object.fromEntries(this.codes.get(phase) ?? []),
      }))
      .filter(({ passed, failed }) => passed !== null || failed !== null);
  }

  /** A table: a line for those who got through a phase, one for those who did not, and one for each further code. */
  table(): string {
    const rows = this.phases.flatMap(({ phase, passed, failed, codes }) => [
      ...(passed === null ? [] : [row(titles[phase], passed, '')]),
      ...(failed === null ? [] : failedRows(`${titles[phase]}, failed`, failed, codeCounts(codes))),
    ]);
    const head = ['phase', 'hosts', 'p50', 'p95', 'max', ''];
    return aligned([head, ...rows]);
  }

  /** One sentence about all of it. */
  verdict(elapsed: number): string {
    const parts = [`${this.succeeded} succeeded`];
    if (this.ended > 0) parts.push(`${this.ended} ended with another status than 0`);
    if (this.failed > 0) parts.push(`${this.failed} failed`);
    return `${hostCount(this.hosts)}: ${parts.join(', ')}; ${duration(elapsed)}`;
  }
}

/** The phase in which a host failed. */
export function stageOf(error: SshError): Stage {
  switch (error.phase) {
    case 'options':
    case 'connect':
    case 'identification':
    case 'keyExchange':
    case 'authentication':
      return error.phase;
    default: {
      const { code, waitingFor } = error;
      const isStart =
        waitingFor === 'channelOpen' ||
        waitingFor === 'request' ||
        code === 'ERR_SSH_CHANNEL_OPEN_FAILED' ||
        code === 'ERR_SSH_REQUEST_FAILED';
      return isStart ? 'channel' : 'command';
    }
  }
}

export function hostCount(count: number): string {
  return `${count} ${count === 1 ? 'host' : 'hosts'}`;
}

function row(title: string, { hosts, p50, p95, max }: Spread, remark: string): string[] {
  return [title, String(hosts), duration(p50), duration(p95), duration(max), remark];
}

/** Each code has a line of its own, so that the table fits a terminal of 80 columns. */
function failedRows(title: string, spread: Spread, [first = '', ...others]: readonly string[]): string[][] {
  return [row(title, spread, first), ...others.map((other) => ['', '', '', '', '', other])];
}

function codeCounts(codes: StageSummary['codes']): string[] {
  return Object.entries(codes).map(([code, count]) => `${code} ${count}`);
}

/** Nearest rank: each figure is one that was measured. */
function spread(times: readonly number[] | undefined): Spread | null {
  if (times === undefined) return null;
  const sorted = [...times].sort((a, b) => a - b);
  const rank = (share: number): number => tenths(sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  return { hosts: sorted.length, p50: rank(0.5), p95: rank(0.95), max: rank(1) };
}

function timeOf(timings: FleetTimings, stage: Stage): number | undefined {
  return stage === 'options' || stage === 'channel' ? undefined : timings[stage];
}

function total(timings: FleetTimings): number {
  return Object.values(timings).reduce((sum: number, time: number) => sum + time, 0);
}

function append(times: Map<Stage, number[]>, stage: Stage, time: number): void {
  const list = times.get(stage);
  if (list === undefined) times.set(stage, [time]);
  else list.push(time);
}
