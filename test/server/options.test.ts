/** Every option of a server, as a table: what it takes, and what is said of what it does not take. */
import { describe, expect, it } from 'vitest';
import { connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer } from '../../src/entry/server.ts';
import type { Authentication, ServerOptions } from '../../src/server/options.ts';
import {
  anyText,
  checkArgument,
  checkNames,
  checkRows,
  checkSets,
  flags,
  milliseconds,
  objects,
  type Rows,
  refusalOf,
} from '../support/optionRows.ts';

const hostKeys = generateKey('ed25519');
const authentication: Authentication = { none: () => true };
const required = { hostKeys, authentication };

const make = (options: object): Promise<unknown> => createServer(options as ServerOptions);

const rows: Rows<ServerOptions> = {
  hostKeys: [...anyText, 'bytes', 'list'],
  authentication: objects,
  exec: ['function'],
  shell: ['function'],
  subsystems: objects,
  sftp: ['function'],
  openTcp: ['function'],
  forwarding: objects,
  banner: anyText,
  algorithms: objects,
  crypto: [],
  loginTimeout: milliseconds,
  failureDelay: ['number', 'zero', 'fraction'],
  timeouts: objects,
  keepAlive: [...flags, ...objects],
  rekey: objects,
  limits: objects,
  keyExchangeBudget: objects,
  maxStartups: objects,
  maxConnections: ['number'],
  maxSessions: ['number'],
  onError: ['function'],
  onDebug: ['function'],
  softwareVersion: anyText,
};

const authenticationRows: Rows<Authentication> = {
  required: ['list'],
  none: ['function'],
  password: ['function'],
  changePassword: ['function'],
  publicKey: ['function'],
  keyboardInteractive: ['function'],
};

describe('the options of', () => {
  it('createServer', async () => {
    await checkRows<ServerOptions>(rows, make, { rest: required });
    await checkSets(make);
  });

  it('createServer has a host key', async () => {
    for (const none of [[], '', new Uint8Array(0)]) {
      await expect(make({ ...required, hostKeys: none })).rejects.toMatchObject({ name: 'SshError' });
    }
    await expect(make({ ...required, hostKeys: [] })).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      phase: 'options',
      message: 'hostKeys is empty',
    });
  });

  it('authentication, maxStartups and keyExchangeBudget', async () => {
    await checkRows<Authentication>(
      authenticationRows,
      (callbacks) => make({ hostKeys, authentication: callbacks }),
      {
        prefix: 'authentication.',
      },
    );
    await checkRows<{ readonly start: number; readonly full: number }>(
      { start: ['number'], full: ['number'] },
      (maxStartups) => make({ ...required, maxStartups }),
      { prefix: 'maxStartups.' },
    );
    for (const name of ['perAddress', 'total']) {
      await checkRows<{ readonly burst: number; readonly perSecond: number }>(
        { burst: milliseconds, perSecond: milliseconds },
        (rate) => make({ ...required, keyExchangeBudget: { [name]: rate } }),
        { prefix: `keyExchangeBudget.${name}.` },
      );
    }
    await checkNames<object>((rekey) => make({ ...required, rekey }), 'rekey.', {});
  });

  it('createServer that are needed are missed by name', async () => {
    expect((await refusalOf(() => make({ authentication })))?.message).toMatch(
      /^hostKeys must be .*, not undefined$/,
    );
    expect((await refusalOf(() => make({ hostKeys })))?.message).toMatch(/^authentication is missing/);
  });

  it.each(['maxConnections', 'maxSessions'])('a number of things is a whole one: %s', async (name) => {
    for (const wrong of [0, 0.5, -1, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      const refusal = await refusalOf(() => make({ ...required, [name]: wrong }));
      expect(refusal?.code, String(wrong)).toBe('ERR_SSH_OPTIONS');
    }
    expect(await refusalOf(() => make({ ...required, [name]: 1 }))).toBeUndefined();
  });

  it.each([
    ['hostKey', 'use hostKeys'],
    ['LoginGraceTime', 'use loginTimeout: in milliseconds'],
    ['password', 'use authentication: it stands in there'],
    ['port', 'it is an argument of listen'],
    ['maxConnection', 'did you mean maxConnections?'],
  ])('other servers say what they are called here: %s', async (name, hint) => {
    const refusal = await refusalOf(() => make({ ...required, [name]: 1 }));
    expect(refusal?.message).toBe(`there is no option "${name}" of createServer; ${hint}`);
  });
});

describe('the arguments of', () => {
  it('listen and accept', async () => {
    const server = await createServer(required);
    for (const port of [-1, 65_536, 1.5, Number.NaN, '22', null]) {
      const refusal = await refusalOf(() => server.listen(port as never));
      expect(refusal?.message).toMatch(
        /^the port of listen must be a whole number from 1 to 65535, or 0 for any free port, not /,
      );
    }
    const refusal = await refusalOf(() => server.listen(0, 7 as never));
    expect(refusal?.message).toBe('the host of listen must be a string that is not empty, not 7');
    await checkArgument([], (stream: never) => server.accept(stream));
    await server.close();
  });

  it('exit and exitWithSignal', async () => {
    const refusals: unknown[] = [];
    const server = await createServer({
      ...required,
      exec: async (process) => {
        for (const code of [-1, 1.5, 2 ** 32, '0', null]) {
          refusals.push((await refusalOf(() => process.exit(code as never)))?.message);
        }
        refusals.push((await refusalOf(() => process.exitWithSignal(9 as never)))?.message);
        refusals.push((await refusalOf(() => process.exitWithSignal('')))?.message);
        refusals.push((await refusalOf(() => process.exitWithSignal('KILL', {} as never)))?.message);
        await process.exit(7);
      },
    });
    const { port } = await server.listen();
    const client = await connect({ host: '127.0.0.1', port, username: 'ops', verifyHostKey: () => true });
    try {
      // What is refused ends nothing: the status is the one that was right.
      expect(await client.run('any')).toMatchObject({ code: 7 });
    } finally {
      await client.close();
      await server.close();
    }
    const status = 'the status of exit must be a whole number from 0 to 4294967295, not ';
    expect(refusals).toEqual([
      `${status}-1`,
      `${status}1.5`,
      `${status}4294967296`,
      `${status}the string "0"`,
      `${status}null`,
      'the signal of exitWithSignal must be a string that is not empty, not 9',
      'the signal of exitWithSignal must be a string that is not empty, not an empty string',
      'the message of exitWithSignal must be a string, not an object',
    ]);
  });
});
