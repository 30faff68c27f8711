/**
 * Whom the tests log in as.
 *
 * Owns: a throw-away user of its own for each run where this process is root,
 * removed afterwards; else the user who runs the tests.
 * Must not know: servers, keys.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { isRoot } from './programs.ts';

export interface Account {
  readonly name: string;
  /** Undefined where it is not ours to know. */
  readonly password: string | undefined;
  readonly home: string;
  /** Makes a path belong to the account. */
  own(path: string): void;
  /** The password has to be changed at the next login. */
  expirePassword(): void;
  remove(): void;
}

/** @param home a folder that does not exist yet; used where a user is made */
export function createAccount(home: string): Account {
  return isRoot ? throwAwayAccount(home) : presentAccount();
}

function presentAccount(): Account {
  const { username, homedir } = userInfo();
  return {
    name: username,
    password: undefined,
    home: homedir,
    own: () => {},
    expirePassword: () => {
      throw new Error('only root can expire a password');
    },
    remove: () => {},
  };
}

function throwAwayAccount(home: string): Account {
  // A run that ends tests by force finds its users by a prefix of its own.
  const prefix = process.env['DEADLINE_SSH_ACCOUNTS'] ?? 'dlssh';
  const name = `${prefix}-${randomBytes(4).toString('hex')}`;
  const password = randomBytes(12).toString('base64url');
  administer('useradd', ['-M', '-N', '-d', home, '-s', '/bin/sh', name]);
  let present = true;
  const remove = (): void => {
    if (!present) return;
    present = false;
    process.off('exit', remove);
    administer('userdel', ['-f', name]);
  };
  process.once('exit', remove);
  administer('chpasswd', [], `${name}:${password}\n`);
  mkdirSync(home);
  chmodSync(home, 0o755);
  const { uid, gid } = idsOf(name);
  const own = (path: string): void => chownSync(path, uid, gid);
  own(home);
  return {
    name,
    password,
    home,
    own,
    expirePassword: () => administer('passwd', ['--expire', name]),
    remove,
  };
}

function idsOf(name: string): { readonly uid: number; readonly gid: number } {
  const id = (flag: string): number => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

/** Others may be changing the list of users at the same time, which locks it for a moment. */
function administer(program: string, args: readonly string[], input: string = ''): void {
  let message = '';
  for (let attempt = 0; attempt < 50; attempt++) {
    const { status, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8' });
    if (status === 0) return;
    message = error?.message ?? stderr;
    if (!/lock/.test(message)) break;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  throw new Error(`${program} failed: ${message}`);
}
