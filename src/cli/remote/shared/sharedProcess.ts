/**
 * A process on the server whose channel is another program's: both ends of the socket
 * between the two.
 *
 * Owns: which stream is which, the notes about signals, sizes and the end, that the
 * process ends with either program.
 * Must not know: how the socket came about, what is asked for (`controlMessages.ts`).
 */
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { escapeText } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import type { ExitResult, RefusedRequest, RemoteProcess } from '../../../client/command/remoteProcess.ts';
import { Duct, goneError } from './duct.ts';

/** A process on the server, over whatever connection. */
export type SessionProcess = Pick<
  RemoteProcess,
  'stdin' | 'stdout' | 'stderr' | 'exit' | 'refused' | 'kill' | 'resize' | 'close'
>;

const streams = { stdin: 0, stdout: 1, stderr: 2 } as const;

type Note =
  | { readonly kill: string }
  | { readonly columns: number; readonly rows: number }
  | { readonly exit: ExitResult }
  | { readonly failed: string };

/** The process as the program sees it that asked for it. */
export class SharedProcess implements SessionProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<ExitResult>;
  readonly refused: readonly RefusedRequest[];
  private readonly duct: Duct;

  constructor(socket: Socket, refused: readonly RefusedRequest[]) {
    let settle: (ended: ExitResult | SshError) => void = () => {};
    this.exit = new Promise((resolve, reject) => {
      settle = (ended) => (ended instanceof SshError ? reject(ended) : resolve(ended));
    });
    this.exit.catch(() => {});
    this.duct = new Duct(socket, (note) => {
      const ended = endIn(note);
      if (ended !== undefined) settle(ended);
      // The process takes no more, and its input ends.
      if (ended !== undefined) this.stdin.destroy();
    });
    this.refused = refused;
    this.stdin = this.duct.writer(streams.stdin);
    this.stdout = this.duct.reader(streams.stdout);
    this.stderr = this.duct.reader(streams.stderr);
    void this.duct.closed.then(() => settle(goneError()));
  }

  kill(signal: string = 'TERM'): void {
    this.duct.note({ kill: signal } satisfies Note);
  }

  resize(columns: number, rows: number): void {
    this.duct.note({ columns, rows } satisfies Note);
  }

  async close(): Promise<void> {
    this.duct.destroy();
    await this.duct.closed;
  }
}

/**
 * Joins a process to the program that asked for it. Resolves when that program has gone,
 * with all that the process wrote; never rejects.
 */
export async function lendProcess(socket: Socket, process: SessionProcess): Promise<void> {
  const pace = new NotePace();
  const duct = new Duct(socket, (note) => {
    // What it says would wait here for the server. It ends alone, and others share the connection.
    if (!pace.takes() || !obey(process, note)) duct.destroy();
  });
  const input = pipeline(duct.reader(streams.stdin), process.stdin).catch(() => {});
  const outputs = [
    pipeline(process.stdout, duct.writer(streams.stdout)),
    pipeline(process.stderr, duct.writer(streams.stderr)),
  ];
  const work = async (): Promise<void> => {
    try {
      const [exit] = await Promise.all([process.exit, ...outputs]);
      duct.note({ exit } satisfies Note);
    } catch (error) {
      duct.note({ failed: error instanceof Error ? error.message : String(error) } satisfies Note);
    }
    await duct.end();
  };
  await Promise.race([work(), duct.closed]);
  // Of a program that has gone nothing more comes, and nothing has to go there.
  await process.close().catch(() => {});
  // The other side closes it, once it has read all: what it writes until then must not fail.
  await duct.closed;
  await Promise.allSettled([input, ...outputs]);
}

/** Notes that may come at once, and then in a second: a window that is drawn larger tells each size. */
const mostNotes = 1_000;
const notesPerSecond = 100;

class NotePace {
  private left = mostNotes;
  private since: number = performance.now();

  /** Whether one more note is no flood. */
  takes(): boolean {
    const now = performance.now();
    this.left = Math.min(mostNotes, this.left + ((now - this.since) * notesPerSecond) / 1_000);
    this.since = now;
    this.left--;
    return this.left >= 0;
  }
}

/** @returns whether no harm was done */
function obey(process: SessionProcess, note: unknown): boolean {
  const { kill, columns, rows } = recordOf(note);
  try {
    if (typeof kill === 'string') process.kill(kill);
    if (typeof columns === 'number' && typeof rows === 'number') process.resize(columns, rows);
    return true;
  } catch (error) {
    // It may have ended a moment ago, and a note that asks for nothing that there is asks for nothing.
    return error instanceof SshError;
  }
}

function endIn(note: unknown): ExitResult | SshError | undefined {
  const { exit, failed } = recordOf(note);
  if (typeof failed === 'string') {
    return new SshError('ERR_SSH_CONNECTION_LOST', escapeText(failed, 500), {
      phase: 'connection',
      origin: 'local',
    });
  }
  if (exit === undefined) return undefined;
  const { code, signal, coreDumped, errorMessage } = recordOf(exit);
  return {
    code: typeof code === 'number' ? code : undefined,
    signal: typeof signal === 'string' ? signal : undefined,
    coreDumped: coreDumped === true,
    errorMessage: typeof errorMessage === 'string' ? errorMessage : '',
  };
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
