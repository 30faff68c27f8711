/**
 * A duplex stream through which a connection can run, and which can be made to stand still.
 *
 * Owns: its two ends and what becomes of what is written to them.
 * Must not know: SSH, deadlines: like most tunnels it has none of its own.
 */
import { Duplex } from 'node:stream';

export class Tunnel {
  readonly near: Duplex;
  readonly far: Duplex;
  private state: 'open' | 'swallows' | 'blocks' = 'open';

  constructor() {
    const near: Duplex = this.end(() => far);
    const far: Duplex = this.end(() => near);
    this.near = near;
    this.far = far;
  }

  /** From now on nothing arrives; what is written is taken and lost (`swallows`), or not taken (`blocks`). */
  freeze(how: 'swallows' | 'blocks'): void {
    this.state = how;
  }

  private end(other: () => Duplex): Duplex {
    return new Duplex({
      read: () => {},
      write: (chunk: Uint8Array, _encoding, done) => {
        if (this.state === 'open') other().push(chunk);
        if (this.state !== 'blocks') done();
      },
      final: (done) => {
        if (this.state === 'open') other().push(null);
        done();
      },
    });
  }
}
