/** A program that asks in place of a terminal (SSH_ASKPASS): when it is run, and what its output means. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type AskablePerson, findPerson } from '../../src/cli/connection/findPerson.ts';

const folder = mkdtempSync(join(tmpdir(), 'dlssh-asking-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program of these lines of sh. */
function program(lines: string): string {
  const path = join(folder, 'ask');
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
  return path;
}

function asking(path: string): AskablePerson {
  const person = findPerson(() => {}, { SSH_ASKPASS: path, SSH_ASKPASS_REQUIRE: 'force' });
  if (person === undefined) throw new Error('nobody can be asked');
  return person;
}

describe('a program that asks', () => {
  it('is given the question, and answers by the first line that it prints', async () => {
    const person = asking(program('printf "%s!\\nmore\\n" "$1"'));
    expect(await person.ask('one $HOME?')).toBe('one $HOME?!');
    expect(await person.askSecretly('two')).toBe('two!');
    expect(person.columns).toBe(80);
    person.close();
  });

  it('answers nothing where it is cancelled, is not there, or says nothing', async () => {
    expect(await asking(program('echo no; exit 1')).ask('x')).toBeUndefined();
    expect(await asking(join(folder, 'none')).ask('x')).toBeUndefined();
    expect(await asking(program('exit 0')).ask('x')).toBe('');
    expect(await asking(program('printf "a\\r\\nb"')).ask('x')).toBe('a');
  });

  it('has 4,096 characters for its answer', async () => {
    const answer = await asking(program('head -c 5000 /dev/zero | tr "\\0" x')).ask('x');
    expect(answer).toBe('x'.repeat(4_096));
  });

  it('is ended where nobody waits for its answer any more', async () => {
    const person = asking(program('exec sleep 60'));
    const answer = person.ask('x');
    person.close();
    expect(await answer).toBeUndefined();
  });

  it('is run in place of a terminal where that is wanted, and there is a display', () => {
    const path = program('exit 0');
    const kindOf = (env: Record<string, string>): string | undefined =>
      findPerson(() => {}, { SSH_ASKPASS: path, ...env })?.constructor.name;
    const [force] = [kindOf({ SSH_ASKPASS_REQUIRE: 'force' })];
    expect(force).toBe('AskingProgram');
    for (const display of [{ DISPLAY: ':0' }, { WAYLAND_DISPLAY: 'w' }]) {
      expect(kindOf({ SSH_ASKPASS_REQUIRE: 'prefer', ...display })).toBe(force);
      expect(kindOf({ SSH_ASKPASS_REQUIRE: 'never', ...display })).not.toBe(force);
    }
    expect(kindOf({ SSH_ASKPASS_REQUIRE: 'prefer' })).not.toBe(force);
    expect(kindOf({ SSH_ASKPASS: '', SSH_ASKPASS_REQUIRE: 'force' })).not.toBe(force);
    expect(kindOf({})).not.toBe(force);
  });
});
