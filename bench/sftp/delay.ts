/**
 * A long path on one machine: a TCP proxy that holds back what passes.
 *
 * Argument: the port that it leads to, milliseconds one way. Prints its own port.
 *
 * Each piece goes on so long after it came, in both directions, and nothing bounds
 * the rate: as much may be on its way as the two ends put there. It reads all the
 * time, so that the systems' buffers do not stand in for the path.
 */
import { connect, createServer, type Socket } from 'node:net';

const [port, oneWay] = process.argv.slice(2).map(Number) as [number, number];

interface Held {
  readonly due: number;
  /** Undefined for the end. */
  readonly bytes: Buffer | undefined;
}

function lead(from: Socket, to: Socket): void {
  const held: Held[] = [];
  let timer: NodeJS.Timeout | undefined;
  const release = (): void => {
    timer = undefined;
    const now = performance.now();
    to.cork();
    for (let first = held[0]; first !== undefined && first.due <= now; first = held[0]) {
      held.shift();
      if (first.bytes === undefined) to.end();
      else to.write(first.bytes);
    }
    to.uncork();
    schedule();
  };
  const schedule = (): void => {
    const [first] = held;
    if (first === undefined || timer !== undefined) return;
    timer = setTimeout(release, Math.max(0, first.due - performance.now()));
  };
  const hold = (bytes: Buffer | undefined): void => {
    held.push({ due: performance.now() + oneWay, bytes });
    schedule();
  };
  from.on('data', hold);
  from.on('end', () => hold(undefined));
  from.on('error', () => to.destroy());
  from.on('close', () => {
    if (from.errored !== null) clearTimeout(timer);
  });
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  lead(near, far);
  lead(far, near);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') process.stdout.write(`${address?.port}\n`);
});
