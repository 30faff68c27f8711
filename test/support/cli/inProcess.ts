/**
 * The command in the process of the test, with its standard streams caught.
 *
 * Owns: the standard streams, the environment and the folder while it runs, and
 * that they are as before afterwards. A second command may run within a first.
 * Must not know: what is tested.
 */
import { EventEmitter } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { dispatch } from '../../../src/cli/dispatch.ts';
import { runSession } from '../../../src/cli/remote/session.ts';
import { subcommands } from '../../../src/cli/subcommands.ts';

export interface EndedCommand {
  readonly status: number;
  readonly out: string;
  readonly said: string;
}

export interface HereOptions {
  /** Standard input; nothing where not given. */
  readonly input?: string | Readable | undefined;
  /** HOME. */
  readonly home?: string | undefined;
  /** Other variables; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd?: string | undefined;
  /** Which of the standard streams are terminals; of 80 by 24 where its size is not given. */
  readonly terminal?:
    | {
        readonly on: readonly ('stdin' | 'stdout' | 'stderr')[];
        /** Columns and rows, which may change while it runs. */
        readonly size?: [columns: number, rows: number];
      }
    | undefined;
  /** Told of each output as it comes. */
  readonly onOutput?: ((text: string) => void) | undefined;
}

/** Runs a subcommand, or `ssh`, to its end. */
export async function runHere(
  name: string,
  argv: readonly string[],
  options: HereOptions = {},
): Promise<EndedCommand> {
  const said = { out: '', errors: '' };
  const heard = heardSignals();
  const restores = [
    ...withEnvironment(options),
    withInput(options),
    withOutput('stdout', options, (text) => {
      said.out += text;
    }),
    withOutput('stderr', options, (text) => {
      said.errors += text;
    }),
  ];
  try {
    const status = await commandOf(name, argv);
    // A command that has ended hears no signal any more.
    if (heardSignals() !== heard) throw new Error(`${name} hears ${heardSignals()}, and before ${heard}`);
    return { status, out: said.out, said: said.errors };
  } finally {
    for (const restore of restores.reverse()) restore();
  }
}

const signals = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGCONT',
] as const;

/** How many hear each signal in this process. */
function heardSignals(): string {
  return signals.map((signal) => `${signal}: ${process.listenerCount(signal)}`).join(', ');
}

async function commandOf(name: string, argv: readonly string[]): Promise<number> {
  if (name === 'ssh') {
    const { stdout: output, stderr: messages } = process;
    return dispatch(argv, { subcommands, output, messages, session: runSession });
  }
  const entry = subcommands.get(name);
  if (entry === undefined) throw new Error(`there is no ${name}`);
  return (await entry.load()).run(argv);
}

function withEnvironment({ home, env = {}, cwd }: HereOptions): (() => void)[] {
  const wanted = { ...env, ...(home === undefined ? {} : { HOME: home }) };
  const before = Object.keys(wanted).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(wanted)) set(name, value);
  const there = process.cwd();
  if (cwd !== undefined) process.chdir(cwd);
  return [
    () => process.chdir(there),
    () => {
      for (const [name, value] of before) set(name, value);
    },
  ];
}

/** A terminal of its own has no echo to turn off; what is asked of it is kept. */
export interface FakeTerminal extends PassThrough {
  readonly isRaw: boolean;
}

/** A stream that stands for a terminal on standard input. */
export function terminalInput(): FakeTerminal {
  const stream = Object.assign(new PassThrough(), {
    isTTY: true,
    isRaw: false,
    setRawMode: (mode: boolean) => {
      stream.isRaw = mode;
      return stream;
    },
  });
  return stream;
}

function withInput({ input = '', terminal }: HereOptions): () => void {
  const isTerminal = terminal?.on.includes('stdin') === true;
  const stream = typeof input !== 'string' ? input : isTerminal ? terminalInput() : new PassThrough();
  if (typeof input === 'string' && !isTerminal) (stream as PassThrough).end(input);
  return replaced(process, 'stdin', stream);
}

/** Other than the text, the stream is the process's own: its listeners go again, as a process runs one command. */
function withOutput(
  name: 'stdout' | 'stderr',
  { terminal, onOutput }: HereOptions,
  take: (text: string) => void,
): () => void {
  const stream = process[name];
  const heard = new Set(stream.listeners('error'));
  const isTerminal = terminal?.on.includes(name) === true;
  const size = terminal?.size ?? [80, 24];
  const write = (chunk: string | Uint8Array, ...rest: readonly unknown[]): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    take(text);
    if (text !== '') onOutput?.(text);
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  const restores = [
    replaced(stream, 'write', write),
    replaced(stream, 'isTTY', isTerminal),
    replaced(stream, 'columns', isTerminal ? size[0] : undefined),
    replaced(stream, 'getWindowSize', () => size),
  ];
  return () => {
    for (const restore of restores) restore();
    for (const listener of stream.listeners('error')) {
      if (!heard.has(listener)) stream.off('error', listener as () => void);
    }
  };
}

/** Another value of a property; the returned function brings back what was there. */
function replaced(owner: object, name: string, value: unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, before);
  };
}

/** Has this process hear a signal that nobody sent. */
export function hear(signal: NodeJS.Signals): void {
  // Those of the tests' own program would end it.
  EventEmitter.prototype.emit.call(process, signal, signal);
}
