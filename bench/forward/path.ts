/**
 * A path with a delay and a rate, as a proxy in a process of its own.
 *
 * Arguments: the port that it leads to, milliseconds one way, bytes a second.
 * Prints the port that it listens on as JSON, and ends with its input.
 *
 * Each way has a line that bytes stand in: a piece leaves when its delay is over and
 * the rate has room for it. The line holds what is on its way and a short queue; a
 * sender that is faster is held back, as by a router's queue.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

const [to = 0, delay = 0, rate = Number.POSITIVE_INFINITY] = process.argv.slice(2).map(Number);
/** Milliseconds of traffic that may wait for the rate. */
const queue = 20;
const longest = (rate * (delay + queue)) / 1000;

/** Carries one way. */
function carry(from: Socket, into: Socket): void {
  const line: { readonly due: number; readonly bytes: Buffer | undefined }[] = [];
  let held = 0;
  let freeAt = 0;
  let wakes = false;
  const leave = (): void => {
    wakes = false;
    const now = performance.now();
    for (let first = line[0]; first !== undefined && first.due <= now; first = line[0]) {
      line.shift();
      if (first.bytes === undefined) into.end();
      else {
        held -= first.bytes.length;
        into.write(first.bytes);
      }
    }
    if (held < longest && from.isPaused()) from.resume();
    if (line[0] !== undefined) wake(line[0].due - now);
  };
  const wake = (after: number): void => {
    if (wakes) return;
    wakes = true;
    setTimeout(leave, Math.max(1, after));
  };
  const stand = (bytes: Buffer | undefined): void => {
    const now = performance.now();
    freeAt = Math.max(freeAt, now) + (1000 * (bytes?.length ?? 0)) / rate;
    held += bytes?.length ?? 0;
    line.push({ due: freeAt + delay, bytes });
    if (held >= longest) from.pause();
    wake(freeAt + delay - now);
  };
  from.on('data', stand);
  from.on('end', () => stand(undefined));
  from.on('error', () => into.destroy());
  from.on('close', () => {
    if (from.destroyed && !from.readableEnded) into.destroy();
  });
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ host: '127.0.0.1', port: to, allowHalfOpen: true, noDelay: true });
  carry(near, far);
  carry(far, near);
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
process.stdin.resume().once('end', () => process.exit());
