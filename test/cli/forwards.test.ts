/** The forwards of the command: which addresses one listens on, and that it is one to whoever cancels it. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { Trace } from '../../src/cli/connection/trace.ts';
import { Messages } from '../../src/cli/messages.ts';
import type { ForwardSpec } from '../../src/cli/remote/forwardSpecs.ts';
import { Forwards } from '../../src/cli/remote/forwards.ts';
import type { Client } from '../../src/client/client.ts';
import type { ListenPlace } from '../../src/forwarding/places.ts';

/** Addresses that cannot be listened on, with the reason. */
type Faults = Readonly<Record<string, string>>;

function scene(faults: Faults = {}, family?: 4 | 6) {
  const listening: string[] = [];
  const said: string[] = [];
  const listen = async (from: ListenPlace): Promise<unknown> => {
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
    return { address, name, connections: [], closed, close };
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
  const forwards = new Forwards(client, { trace, messages, signal, permitRemoteOpen: undefined, family });
  return { forwards, listening, said };
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
