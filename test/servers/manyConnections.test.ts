/**
 * Two hundred connections at once in one process, and what is left of them.
 */
import { beforeAll, expect, it } from 'vitest';
import { ChildPrograms } from '../support/servers/childProgram.ts';
import {
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

const count = 200;

interface Report {
  readonly dialled: number;
  readonly memory: number;
  readonly before: { readonly resources: readonly string[] };
}

describeServer('two hundred connections at once', openSsh, (lab) => {
  let programs: ChildPrograms;
  let server: TestServer;
  beforeAll(async () => {
    programs = new ChildPrograms(lab().folder);
    server = await startOpenSsh(lab(), { hostKeys: ['ed25519'], config: { LoginGraceTime: 120 } });
  }, setupTimeout);

  it('all work, and leave no socket, timer, listener or entry behind', async () => {
    const report = (await programs.run('manyConnections', { target: server.target(), count })) as Report;
    console.info(
      `${count} connections ready after ${report.dialled.toFixed(0)} ms, ${(report.memory / 1e6).toFixed(0)} MB resident`,
    );
    expect(report).toMatchObject({
      sockets: count,
      connections: count,
      answered: count,
      runningCodes: ['ERR_SSH_CLOSED'],
      causes: ['ERR_SSH_CLOSED'],
      abortedCodes: ['ERR_SSH_ABORTED'],
      after: report.before,
    });
    expect(report.before).toMatchObject({ signalListeners: 0, connections: 0 });
    expect(report.before.resources).not.toContain('TCPSocketWrap');
    expect(report.before.resources).not.toContain('Timeout');
  }, 90_000);
});
