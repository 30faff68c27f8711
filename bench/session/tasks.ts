/**
 * What a session is measured by.
 *
 * Owns: the tasks. Each checks what it moved before its figures count.
 * Must not know: which library does it.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Session } from './libraries.ts';

export type TaskName = 'download' | 'upload' | 'upload in 64 KiB' | 'small writes' | 'echo';

export interface Measured {
  /** Bytes moved. */
  readonly bytes: number;
  /** Writes, or round trips. */
  readonly operations: number;
  /** On the wall. */
  readonly milliseconds: number;
  /** Of this process, with its helper threads. */
  readonly cpuMilliseconds: number;
}

const block = Buffer.alloc(256 * 1024, 'deadline');

/** Checks that a library moves bytes unchanged, both ways. */
export async function verify(session: Session): Promise<void> {
  const { stdin, stdout, status } = await session.exec('cat');
  const sent = createHash('sha256');
  const received = createHash('sha256');
  const sending = (async () => {
    for (let i = 0; i < 16; i++) {
      const piece = block.subarray(i, block.length - i * 1000);
      sent.update(piece);
      if (!stdin.write(piece)) await once(stdin, 'drain');
    }
    stdin.end();
  })();
  for await (const chunk of stdout) received.update(chunk as Buffer);
  await sending;
  if ((await status) !== 0) throw new Error('cat failed');
  if (sent.digest('hex') !== received.digest('hex')) throw new Error('bytes came back changed');
}

export function run(task: TaskName, session: Session, amount: number): Promise<Measured> {
  switch (task) {
    case 'download':
      return download(session, amount);
    case 'upload':
      return upload(session, amount, block);
    case 'upload in 64 KiB':
      return upload(session, amount, block.subarray(0, 64 * 1024));
    case 'small writes':
      return upload(session, amount, block.subarray(0, 64));
    case 'echo':
      return echo(session, amount);
    default:
      throw new Error(`there is no task ${task satisfies never}`);
  }
}

async function download(session: Session, bytes: number): Promise<Measured> {
  const { stdin, stdout, status } = await session.exec(`head -c ${bytes} /dev/zero`);
  stdin.end();
  const stop = stopwatch();
  let received = 0;
  stdout.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await once(stdout, 'end');
  const times = stop();
  if ((await status) !== 0 || received !== bytes) throw new Error(`${received} of ${bytes} bytes came`);
  return { bytes, operations: 1, ...times };
}

/** The server counts what came: the figure is of bytes that arrived, not of bytes that were queued. */
async function upload(session: Session, bytes: number, piece: Buffer): Promise<Measured> {
  const { stdin, stdout, status } = await session.exec('wc -c');
  let answer = '';
  stdout.on('data', (chunk: Buffer) => {
    answer += String(chunk);
  });
  const writes = Math.ceil(bytes / piece.length);
  const stop = stopwatch();
  for (let i = 0; i < writes; i++) {
    if (!stdin.write(piece)) await once(stdin, 'drain');
  }
  stdin.end();
  const code = await status;
  const times = stop();
  if (code !== 0 || Number(answer) !== writes * piece.length) {
    throw new Error(`${answer.trim()} of ${writes * piece.length} bytes arrived`);
  }
  return { bytes: writes * piece.length, operations: writes, ...times };
}

async function echo(session: Session, trips: number): Promise<Measured> {
  const { stdin, stdout, status } = await session.exec('cat');
  const stop = stopwatch();
  for (let i = 0; i < trips; i++) {
    stdin.write('x');
    const [chunk] = (await once(stdout, 'data')) as [Buffer];
    if (String(chunk) !== 'x') throw new Error('another byte came back');
  }
  const times = stop();
  stdin.end();
  if ((await status) !== 0) throw new Error('cat failed');
  return { bytes: trips, operations: trips, ...times };
}

function stopwatch(): () => { readonly milliseconds: number; readonly cpuMilliseconds: number } {
  const start = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { milliseconds: performance.now() - start, cpuMilliseconds: (user + system) / 1000 };
  };
}
