/**
 * The connection of another program, for one session.
 *
 * Owns: the request for it.
 * Must not know: what becomes of the session, whether this program connects by itself instead.
 */
import type { Socket } from 'node:net';
import { borrowSession } from '../control.ts';
import type { SharedOptions } from '../controlMessages.ts';
import type { ForwardSpec } from '../forwardSpecs.ts';
import type { SessionHost } from '../sessionHost.ts';
import type { RemotePurpose } from '../settings.ts';
import type { SessionProcess } from './sharedProcess.ts';

export class SharedHost implements SessionHost {
  readonly own: undefined = undefined;
  /** Whether the other program has started the session. */
  hasStarted = false;
  /** Why forwards do not stand. */
  faults: readonly string[] = [];
  private readonly socket: Socket;
  private readonly forwards: readonly ForwardSpec[];

  /** @param forwards that the other program is to make */
  constructor(socket: Socket, forwards: readonly ForwardSpec[]) {
    this.socket = socket;
    this.forwards = forwards;
  }

  /** @throws SshError `ERR_SSH_OPTIONS` where the other program starts none */
  async start(purpose: RemotePurpose, options: SharedOptions): Promise<SessionProcess> {
    const request = { command: 'session', purpose, options, forwards: this.forwards } as const;
    const { process, faults } = await borrowSession(this.socket, request);
    this.faults = faults;
    this.hasStarted = true;
    return process;
  }

  close(): void {
    this.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }
}
