/** The forwards of the command: which addresses one listens on, and that it is one to whoever cancels it. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { Trace } from '../../src/cli/connection/trace.ts';
import { Messages } from '../../src/cli/messages.ts';
import type { ForwardSpec } from '../../src/cli/remote/forwardSpecs.ts';
import { type ForwardContext, Forwards } from '../../src/cli/remote/forwards.ts';
import type { Client } from '../../src/client/client.ts';
import type { ForwardedConnection } from '../../src/forwarding/forward.ts';
import type { ListenPlace } from '../../src/forwarding/places.ts';

/** Addresses that cannot be listened on, with the reason. */
type Faults = Readonly<Record<string, string>>;

function scene(
  faults: Faults = {},
  family?: 4 | 6,
  more: Partial<ForwardContext> = {},
  connections: readonly ForwardedConnection[] = [],
) {
  const listening: string[] = [];
  const said: string[] = [];
  const asked: unknown[] = [];
  const listen = async (from: ListenPlace, ...rest: readonly unknown[]): Promise<unknown> => {
    asked.push(rest.at(-1));
    const code = faults[from.host ?? ''];
    if (code !== undefined) {
      const cause = Object.assign(new Error(code), { code });
      throw new SshError('ERR_SSH_FORWARD', `cannot listen on ${from.host}`, { origin: 'local', cause });
    }
    const address = { ...from, port: from.port === 0 ? 4321 : from.port };
    const name = from.path ?? `${from.host ?? 'default'}:${address.port}`;
    listening.push(name);
    let ended = (): void => {};
    const closed = new Promise<void>((resolve) => {
      ended = resolve;
    });
    const close = async (): Promise<void> => {
      listening.splice(listening.indexOf(name), 1);
      ended();
    };
    return { address, name, connections, closed, close };
  };
  const client = {
    forwardLocal: listen,
    forwardSocks: listen,
    forwardRemote: listen,
    forwardRemoteSocks: listen,
  } as unknown as Client;
  const messages = new Messages({ write: (text: string) => void said.push(text) });
  const { signal } = new AbortController();
  const trace = new Trace(0, messages);
  const context = { trace, messages, signal, permitRemoteOpen: undefined, family };
  const forwards = new Forwards(client, { ...context, ...more });
  return { forwards, listening, said, asked };
}

const to = { host: 'db', port: 5432 };
const local = (from: ListenPlace): ForwardSpec => ({ kind: 'local', from, to });

describe('a forward of a local port', () => {
  it.each([
    ['a port alone', local({ port: 80 }), undefined, ['127.0.0.1:80', '::1:80']],
    ['localhost', local({ host: 'localhost', port: 80 }), undefined, ['127.0.0.1:80', '::1:80']],
    ['a port alone with -4', local({ port: 80 }), 4, ['127.0.0.1:80']],
    ['a port alone with -6', local({ port: 80 }), 6, ['::1:80']],
    ['a port that the system chooses', local({ port: 0 }), undefined, ['127.0.0.1:4321', '::1:4321']],
    ['a SOCKS proxy', { kind: 'socks', from: { port: 80 } }, undefined, ['127.0.0.1:80', '::1:80']],
    ['an address', local({ host: '127.0.0.2', port: 80 }), undefined, ['127.0.0.2:80']],
    ['every address', local({ host: '', port: 80 }), undefined, [':80']],
    ['every address with -4', local({ host: '', port: 80 }), 4, ['0.0.0.0:80']],
    ['a unix socket', local({ path: '/s' }), undefined, ['/s']],
    ['a port of the server', { kind: 'remote', from: { port: 80 }, to }, undefined, ['default:80']],
    ['a proxy of the server', { kind: 'remoteSocks', from: { port: 80 } }, undefined, ['default:80']],
  ] as [string, ForwardSpec, 4 | 6 | undefined, string[]][])(
    'of %s listens where ssh does, and ends as one',
    async (_what, spec, family, places) => {
      const { forwards, listening } = scene({}, family);
      await forwards.add(spec);
      expect(listening).toEqual(places);
      expect(forwards.count).toBe(1);
      expect(forwards.describe().split('\n')).toHaveLength(places.length + 1);
      expect(await forwards.cancel([spec.kind], spec.from)).toBe(true);
      expect([listening, forwards.count]).toEqual([[], 0]);
      expect(await forwards.cancel([spec.kind], spec.from)).toBe(false);
    },
  );

  it('stands on one address where this machine lacks the other, and says where another program has it', async () => {
    const without = scene({ '::1': 'EADDRNOTAVAIL' });
    await without.forwards.add(local({ port: 80 }));
    expect([without.listening, without.said]).toEqual([['127.0.0.1:80'], []]);
    const taken = scene({ '::1': 'EADDRINUSE' });
    await taken.forwards.add(local({ port: 80 }));
    expect(taken.listening).toEqual(['127.0.0.1:80']);
    expect(taken.said).toEqual(['deadline-ssh: warning: cannot listen on ::1\n']);
  });

  it('does not stand where another program has the port of the first address', async () => {
    const { forwards, listening } = scene({ '127.0.0.1': 'EADDRINUSE' });
    await expect(forwards.add(local({ port: 80 }))).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD' });
    expect([listening, forwards.count]).toEqual([[], 0]);
  });
});

describe('forwards', () => {
  const connection = (to: string, age: number) =>
    ({ from: 'a:1', to, age }) as unknown as ForwardedConnection;

  it('are told of with the connections through them, which are counted', async () => {
    const { forwards } = scene({}, undefined, {}, [connection('db:1', 1_250), connection('db:2', 90)]);
    expect([forwards.describe(), forwards.open, forwards.count]).toEqual(['Nothing is forwarded.', 0, 0]);
    await forwards.add(local({ port: 80 }));
    await forwards.add({ kind: 'remote', from: { port: 81 }, to });
    expect(forwards.describe().split('\n').slice(0, 4)).toEqual([
      'Forwards:',
      '  127.0.0.1:80, 2 open',
      '    a:1 to db:1, since 1.3 s',
      '    a:1 to db:2, since 0.1 s',
    ]);
    // Two of each of two addresses, and two of the server's port.
    expect([forwards.open, forwards.count]).toEqual([6, 2]);
  });

  it('are known by all that they are', async () => {
    const { forwards } = scene();
    await forwards.add(local({ port: 80 }));
    await forwards.add({ kind: 'socks', from: { host: 'h', port: 81 } });
    for (const [spec, isThere] of [
      [local({ port: 80 }), true],
      [{ kind: 'socks', from: { host: 'h', port: 81 } }, true],
      [local({ port: 82 }), false],
      [{ ...local({ port: 80 }), to: { host: 'db', port: 1 } }, false],
      [{ kind: 'socks', from: { port: 80 } }, false],
    ] as [ForwardSpec, boolean][]) {
      expect(forwards.has(spec)).toBe(isThere);
    }
    // One of the server is not cancelled in place of one of this machine, nor one at another address.
    expect(await forwards.cancel(['remote', 'remoteSocks'], { port: 80 })).toBe(false);
    expect(await forwards.cancel(['socks'], { host: 'i', port: 81 })).toBe(false);
    expect(await forwards.cancel(['socks'], { port: 81 })).toBe(true);
    expect(forwards.count).toBe(1);
  });

  it('that fail are said to, and the others are made, unless all are demanded', async () => {
    const faults = { bad: 'EACCES' };
    const specs: ForwardSpec[] = [local({ host: 'bad', port: 1 }), local({ host: 'good', port: 2 })];
    const lenient = scene(faults);
    await lenient.forwards.start(specs, false);
    expect([lenient.listening, lenient.said]).toEqual([['good:2'], ['deadline-ssh: cannot listen on bad\n']]);
    const strict = scene(faults);
    await expect(strict.forwards.start(specs, true)).rejects.toMatchObject({ code: 'ERR_SSH_FORWARD' });
    expect([strict.listening, strict.said]).toEqual([[], []]);
  });

  it('of a port that is chosen say which, once, and for what', async () => {
    const { forwards, said } = scene();
    await forwards.add(local({ port: 0 }));
    await forwards.add({ kind: 'remoteSocks', from: { port: 0 } });
    await forwards.add(local({ port: 5 }));
    expect(said).toEqual([
      'deadline-ssh: Allocated port 4321 for the forward to db:5432\n',
      'deadline-ssh: Allocated port 4321 for the SOCKS proxy\n',
    ]);
  });

  it('tell when a connection is over, and -v why it broke', async () => {
    const said: string[] = [];
    const messages = new Messages({ write: (text: string) => void said.push(text) });
    let ends = 0;
    const { forwards, asked } = scene({}, 4, {
      trace: new Trace(1, messages, () => 0),
      onConnectionEnd: () => ends++,
    });
    await forwards.add(local({ port: 80 }));
    said.length = 0;
    const { onConnectionEnd } = asked[0] as {
      onConnectionEnd: (connection: ForwardedConnection, error?: Error) => void;
    };
    onConnectionEnd(connection('db:1', 0), undefined);
    expect([ends, said]).toEqual([1, []]);
    onConnectionEnd(connection('db:1', 0), new Error('it broke'));
    expect([ends, said.join()]).toEqual([
      2,
      expect.stringContaining('forwarded connection to db:1: it broke'),
    ]);
  });

  it('of a proxy of the server lead where PermitRemoteOpen lets them', async () => {
    const permitted = async (permitRemoteOpen: ForwardContext['permitRemoteOpen']) => {
      const { forwards, asked } = scene({}, undefined, { permitRemoteOpen });
      await forwards.add({ kind: 'remoteSocks', from: { port: 1 } });
      return (asked[0] as { permit?: (to: { host: string; port: number }) => boolean }).permit;
    };
    expect(await permitted(undefined)).toBeUndefined();
    const some = await permitted([
      { host: 'Db', port: 5432 },
      { host: '*', port: 443 },
      { host: 'any', port: '*' },
    ]);
    for (const [host, port, isPermitted] of [
      ['db', 5432, true],
      ['DB', 5432, true],
      ['db', 5433, false],
      ['web', 443, true],
      ['any', 1, true],
      ['other', 1, false],
      ['other', 5432, false],
    ] as const) {
      expect([host, port, some?.({ host, port })]).toEqual([host, port, isPermitted]);
    }
    expect((await permitted([]))?.({ host: 'db', port: 1 })).toBe(false);
  });
});
