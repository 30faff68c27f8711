/**
 * What a connection holds on to that has run a command and waits for the next.
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

interface Report {
  /** Bytes for each connection. */
  readonly heap: number;
  readonly outside: number;
}

describeServer('an idle connection', openSsh, (lab) => {
  let programs: ChildPrograms;
  let server: TestServer;
  beforeAll(async () => {
    programs = new ChildPrograms(lab().folder);
    server = await startOpenSsh(lab(), { hostKeys: ['ed25519'] });
  }, setupTimeout);

  it('takes little memory: hardly more than its socket does', async () => {
    const input = { target: server.target(), count: 100 };
    const { heap, outside } = (await programs.run('idleConnections', input)) as Report;
    console.info(`${heap.toFixed(0)} bytes, and ${outside.toFixed(0)} outside of the heap`);
    expect(heap).toBeLessThan(6000);
    expect(outside).toBeLessThan(1000);
  }, 90_000);
});
