/**
 * Nothing of what users and servers say to each other is in any report, page, metric or event.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { formatMetrics } from '../../src/diagnostics/exposition.ts';
import { Metrics } from '../../src/diagnostics/metrics.ts';
import { connectionPage, overviewPage } from '../../src/diagnostics/page.ts';
import { debugHandler, diagnosticsEvents, formatReport, takeReport } from '../../src/entry/diagnostics.ts';
import { observeConnections } from '../../src/io/registry.ts';
import { publishConnectionEvents } from '../../src/node/diagnosticsChannel.ts';
import { World } from '../sim/world.ts';

publishConnectionEvents();

/** A text that is told from all others, whatever is done to its case or its ends. */
const canary = (what: string): string => `canary-${what}`;

/** Everything that can be seen from outside, at every event and every few milliseconds of a story. */
class Watch {
  readonly seen: string[] = [];
  private readonly metrics = new Metrics();
  private readonly stop: (() => void)[] = [];

  constructor() {
    const look = (): void => this.look();
    this.stop.push(
      observeConnections({
        opened: look,
        phaseChanged: look,
        waitExpired: look,
        ended: look,
        commandStarted: look,
        commandEnded: look,
      }),
    );
    const note = (message: unknown): void => {
      this.seen.push(inspect(message, { depth: 10, showHidden: true }));
    };
    for (const name of Object.keys(diagnosticsEvents)) {
      subscribe(name, note);
      this.stop.push(() => void unsubscribe(name, note));
    }
  }

  look(): void {
    const report = takeReport({ details: true });
    this.seen.push(
      JSON.stringify(report),
      formatReport(report),
      overviewPage(report),
      ...(report.details ?? []).map(connectionPage),
      formatMetrics(this.metrics),
    );
    const handler = debugHandler({ metrics: this.metrics });
    for (const url of ['/', '/?debug=1', '/?debug=2', '/?format=json&debug=2', '/metrics']) {
      handler({ url }, { writeHead: () => {}, end: (body) => void this.seen.push(body ?? '') });
    }
  }

  end(): void {
    for (const stop of this.stop) stop();
    this.metrics.stop();
  }
}

it('no password, answer, command, variable, data, banner or message of an error shows anywhere', async () => {
  const said: string[] = [];
  const watch = new Watch();
  const world = new World({
    seed: 1,
    plan: { toServer: { delay: 3 }, toClient: { delay: 3 } },
    server: {
      banner: canary('banner'),
      authentication: {
        password: (username, password) => {
          said.push(username, password);
          return false;
        },
        keyboardInteractive: async (username, ask) => {
          said.push(username, ...(await ask({ prompts: [{ prompt: canary('prompt'), echo: false }] })));
          return true;
        },
      },
      exec: async (process, command) => {
        said.push(command, ...process.env.values());
        for await (const chunk of process.stdin) said.push(String(chunk));
        process.stdout.write(canary('stdout'));
        process.stderr.write(canary('stderr'));
        await new Promise((resolve) => process.signal.addEventListener('abort', resolve));
        return 0;
      },
      subsystems: { [canary('subsystem')]: () => 0 },
    },
  });
  const credentials = {
    username: canary('username'),
    privateKey: undefined,
    password: canary('password'),
    keyboardInteractive: async ({
      prompts,
    }: {
      readonly prompts: readonly { readonly prompt: string }[];
    }) => {
      said.push(...prompts.map(({ prompt }) => prompt));
      return [canary('answer')];
    },
  };
  let looking = true;
  const over = await world.play(async () => {
    await world.startServer();
    const looks = (async () => {
      while (looking) {
        watch.look();
        await world.sleep(8);
      }
    })();
    const client = await world.connect({ ...credentials, onBanner: (text) => void said.push(text) });
    const running = world.call('run', () =>
      client.run(canary('command'), {
        env: { [canary('name')]: canary('value') },
        input: canary('stdin'),
        timeout: 200,
      }),
    );
    await world.call('subsystem', () => client.subsystem(canary('subsystem'), { timeout: 100 }));
    await running;
    await world.call('forward', () => client.openTcp(canary('host'), 9, { timeout: 100 }));
    const aborter = new AbortController();
    const aborted = world.call('aborted', () => world.connect({ ...credentials, signal: aborter.signal }));
    aborter.abort(new Error(canary('reason')));
    await aborted;
    await world.call('thrown', () =>
      world.connect({
        ...credentials,
        keyboardInteractive: () => {
          throw new Error(canary('thrown'));
        },
      }),
    );
    await client.close();
    looking = false;
    await looks;
    await world.server?.close();
  });
  watch.end();
  expect(over).toBe(true);
  // All of it went over the wire, and there was something to see.
  for (const what of ['username', 'password', 'prompt', 'answer', 'command', 'value', 'stdin', 'banner']) {
    expect(said.join('\n')).toContain(canary(what));
  }
  const seen = watch.seen.join('\n');
  expect(seen).toContain('"phase":"authentication"');
  expect(seen).toContain("kind: 'exec'");
  expect(seen).toContain("wait: 'command'");
  expect(seen).toContain('deadline_ssh_commands_total{kind="exec"');
  expect(seen.match(/.{0,80}canary.{0,80}/)).toBeNull();
});
