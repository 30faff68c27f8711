/** A second process that does the work: what the first one waits for, passes on, and ends. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AskablePerson } from '../../src/cli/connection/findPerson.ts';
import { runInBackground, startLender } from '../../src/cli/remote/background.ts';
import { ScriptedPerson } from '../support/cli/scriptedPerson.ts';

let folder = '';
const argv = [...process.argv];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-background-'));
});
afterEach(() => {
  process.argv = [...argv];
  rmSync(folder, { recursive: true, force: true });
});

/** What the second process does, in place of this program. */
function second(script: string): void {
  const path = join(folder, 'second.cjs');
  writeFileSync(path, script);
  process.argv = [process.execPath, path, 'a word'];
}

class Asked extends ScriptedPerson implements AskablePerson {
  close(): void {}
}

const { signal } = new AbortController();

describe('a program that goes to the background', () => {
  it('is done with once the second process is ready, which goes on', async () => {
    second(`process.send({ type: 'ready' }); process.once('disconnect', () => process.exit(7));`);
    expect(await runInBackground(undefined, signal)).toBe(0);
  });

  it.each([
    ['its status', 'process.exit(5)', 5],
    ['a signal', 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000)', 137],
  ])('ends with %s where that ends before it is ready', async (_what, script, status) => {
    second(script);
    expect(await runInBackground(undefined, signal)).toBe(status);
  });

  it('takes no fault from an answer that the second process reads no more', async () => {
    second(
      `process.send({ type: 'ask', text: String(process.pid), isSecret: false }); setInterval(() => {}, 1000);`,
    );
    const person = new (class extends Asked {
      override async ask(prompt: string): Promise<string | undefined> {
        process.kill(Number(prompt), 'SIGKILL');
        // It is gone, with all of its threads, before this process hears of it: the channel is closed
        // at the other end alone.
        const isThere = (): boolean =>
          readdirSync(`/proc/${prompt}/task`).length > 1 ||
          !readFileSync(`/proc/${prompt}/stat`, 'utf8').includes(') Z ');
        while (isThere()) {}
        return 'no';
      }
    })('no');
    expect(await runInBackground(person, new AbortController().signal)).toBe(137);
  });

  it('ends the second process where it is given up', async () => {
    const controller = new AbortController();
    second(`process.send({ type: 'ask', text: 'now? ', isSecret: false }); setInterval(() => {}, 1000);`);
    const person = new (class extends Asked {
      override async ask(prompt: string): Promise<string | undefined> {
        controller.abort();
        return super.ask(prompt);
      }
    })('no');
    expect(await runInBackground(person, controller.signal)).toBe(143);
    // And where it was given up before.
    expect(await startLender(undefined, controller.signal)).toBe(143);
  });

  it('asks and shows for the second process, with the words it was called with', async () => {
    second(`
      const answers = [];
      process.on('message', (message) => {
        answers.push(message);
        if (answers.length === 1) process.send({ type: 'ask', text: 'secret? ', isSecret: true });
        else if (answers.length === 2) process.send({ type: 'ask', text: 'gone? ', isSecret: false });
        else {
          process.send({ type: 'show', text: JSON.stringify([process.argv.slice(2), answers]) });
          process.send({ type: 'ready' });
        }
      });
      process.once('disconnect', () => process.exit());
      process.send({ type: 'ask', text: 'open? ', isSecret: false });
    `);
    const person = new Asked('yes', 'hunter2');
    expect(await runInBackground(person, signal)).toBe(0);
    expect(person.transcript).toBe(
      `open? |*secret? |gone? |${JSON.stringify([
        ['a word'],
        [{ answer: 'yes' }, { answer: 'hunter2' }, { answer: null, interrupted: true }],
      ])}`,
    );
  });

  it('tells the second process whether there is somebody to ask, and what it is for', async () => {
    const told = async (start: typeof startLender, person?: Asked): Promise<number | 'ready'> => {
      second(
        `process.exit(['alone', 'asking', 'lender-alone', 'lender-asking'].indexOf(process.env.DEADLINE_SSH_BACKGROUND) + 10);`,
      );
      return start(person, signal);
    };
    expect([
      await told(runInBackground),
      await told(runInBackground, new Asked()),
      await told(startLender),
      await told(startLender, new Asked()),
    ]).toEqual([10, 11, 12, 13]);
  });
});

it('a program that lends its connection has no stream of the first', async () => {
  second(`
    const { fstatSync, statSync } = require('node:fs');
    const none = statSync('/dev/null').rdev;
    process.exit([0, 1, 2].every((fd) => fstatSync(fd).rdev === none) ? 9 : 8);
  `);
  expect(await startLender(undefined, signal)).toBe(9);
});
