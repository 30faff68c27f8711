/** What a run over changed sources, or with branches noted, came to. */
export interface Answer {
  readonly passed: boolean;
  /** Test files that ran to their end. */
  readonly ran: readonly string[];
  /** Those of them that failed. */
  readonly by: readonly string[];
  readonly milliseconds: number;
  readonly branches?: readonly number[];
  readonly steps?: number;
}
/** The process in which tests run over changed sources. */
export class Worker {
  /** @param edges whether its tests use sockets, servers and child processes */
  constructor(root: string, folder: string, edges: boolean);
  /** Undefined where there was no answer in time. */
  ask(message: object, milliseconds: number): Promise<Answer | undefined>;
  close(): Promise<void>;
}
