import { afterEach, describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { encodePublicKey, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { connect, type SshError } from '../../src/entry/index.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import {
  agentFailure,
  agentIdentitiesAnswer,
  agentMessageLength,
  agentNumbers,
  agentSignResponse,
  agentSuccess,
} from '../../src/message/agent.ts';
import { type AgentScript, framed, type ScriptedAgent, startScriptedAgent } from '../support/agents.ts';
import { testProvider } from '../support/certificates.ts';
import { payloadOf, seededBytes } from '../support/conversation.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

const hostKey = generateKey('ed25519', { randomBytes: seededBytes(41) });
const userKey = generateKey('ed25519', { randomBytes: seededBytes(42) });
const blob = encodePublicKey(userKey.publicKey);

let server: SshServer | undefined;
let agent: ScriptedAgent | undefined;
afterEach(async () => {
  await agent?.stop();
  await server?.close();
  agent = undefined;
  server = undefined;
  await nothingIsLeft();
});

const identities = framed(payloadOf(agentIdentitiesAnswer, { keys: [{ publicKey: blob, comment: 'mine' }] }));
const failure = framed(payloadOf(agentFailure, {}));
const success = framed(payloadOf(agentSuccess, {}));

/** An honest agent but for one message. */
function honestBut(number: number, wrong: AgentScript): AgentScript {
  return (request, socket) => {
    if (request[0] === number) return wrong(request, socket);
    switch (request[0]) {
      case agentNumbers.requestIdentities:
        return identities;
      case agentNumbers.signRequest: {
        const length = new DataView(request.buffer, request.byteOffset).getUint32(1);
        const at = 5 + length;
        const dataLength = new DataView(request.buffer, request.byteOffset).getUint32(at);
        const data = request.slice(at + 4, at + 4 + dataLength);
        const part = testProvider.sign('ssh-ed25519', userKey, data);
        return framed(payloadOf(agentSignResponse, { signature: encodeSignature('ssh-ed25519', part) }));
      }
      default:
        return success;
    }
  };
}

interface Outcome {
  readonly methods: readonly string[];
  readonly debug: readonly string[];
  readonly waits: readonly string[];
}

/** Logs in with the agent first and a password second, and says by what it got in. */
async function logIn(script: AgentScript, agentTimeout = 5_000): Promise<Outcome> {
  agent = await startScriptedAgent(script);
  const methods: string[] = [];
  server = await createServer({
    hostKeys: [hostKey],
    authentication: {
      publicKey: (_user, { fingerprint }) => {
        methods.push(`publickey ${fingerprint}`);
        return true;
      },
      password: (_user, password) => {
        methods.push('password');
        return password === 'right';
      },
    },
  });
  const address = await server.listen(0);
  const debug: string[] = [];
  await using client = await connect({
    host: '127.0.0.1',
    port: address.port,
    username: 'user',
    verifyHostKey: () => true,
    agent: agent.path,
    password: 'right',
    timeouts: { agent: agentTimeout },
    onDebug: (line) => debug.push(line),
  });
  const waits = client.inspect().waits.map(({ name }) => name);
  return { methods, debug, waits };
}

describe('an honest agent', () => {
  it('lets its user in, and its connection ends with authentication', async () => {
    const { methods, debug, waits } = await logIn(honestBut(0, () => undefined));
    expect(methods.at(-1)).toMatch(/^publickey SHA256:/);
    expect(debug.join('\n')).toMatch(
      /authenticated by publickey \(ssh-ed25519 SHA256:.* mine, from the agent\)/,
    );
    expect(waits).not.toContain('agent');
    await expect.poll(() => agent?.open()).toBe(0);
  });

  it('that knows no sessions, or refuses to list, or to sign, costs no more than its method', async () => {
    expect((await logIn(honestBut(agentNumbers.extension, () => failure))).methods.at(-1)).toMatch(
      /publickey/,
    );
    await agent?.stop();
    await server?.close();
    for (const number of [agentNumbers.requestIdentities, agentNumbers.signRequest]) {
      const { methods } = await logIn(honestBut(number, () => failure));
      expect(methods.at(-1)).toBe('password');
      await agent?.stop();
      await server?.close();
    }
  });
});

/** Ways to misbehave, and what is said of each. */
const wrongs: readonly (readonly [string, AgentScript, RegExp])[] = [
  ['another message', () => framed(Uint8Array.of(99)), /answered SSH_AGENTC_\w+ with message 99/],
  [
    'the answer to another request',
    (request) => (request[0] === 11 ? framed(Uint8Array.of(14, 0, 0, 0, 0)) : identities),
    /with message 1[24]/,
  ],
  ['an empty message', () => new Uint8Array(4), /empty message/],
  [
    'a huge length',
    () => Uint8Array.of(0xff, 0xff, 0xff, 0xff, 12),
    /announces an answer of 4294967295 bytes/,
  ],
  ['one byte more than is taken', () => Uint8Array.of(0, 4, 0, 1, 12), /announces an answer of 262145 bytes/],
  ['two answers', () => concatBytes(identities, identities), /said more than it was asked/],
  [
    'an answer that ends early',
    (request) => framed(Uint8Array.of(request[0] === 11 ? 12 : 14, 0, 0)),
    /answer is malformed/,
  ],
  [
    'an answer that claims more than there is',
    (request) => framed(Uint8Array.of(request[0] === 11 ? 12 : 14, 0xff, 0xff, 0xff, 0xff, 1)),
    /answer is malformed/,
  ],
  [
    'the end of the connection',
    (_request, socket) => {
      socket.destroy();
      return undefined;
    },
    /closed the connection before it answered/,
  ],
  [
    'half an answer and the end',
    (_request, socket) => {
      socket.end(Uint8Array.of(0, 0, 1, 0, 12));
      return undefined;
    },
    /closed the connection before it answered/,
  ],
];

describe.each([
  ['the list of its keys', agentNumbers.requestIdentities],
  ['a signature', agentNumbers.signRequest],
] as const)('CVE-2025-47913: an agent that is asked for %s', (_what, number) => {
  it.each(wrongs)('and gives %s costs its method; the next one is tried', async (_name, script, words) => {
    const { methods, debug } = await logIn(honestBut(number, script));
    expect(methods.at(-1)).toBe('password');
    expect(debug.join('\n')).toMatch(words);
  });

  it('and never answers is given up at its deadline; the next one is tried', async () => {
    const { methods, debug, waits } = await logIn(
      honestBut(number, () => undefined),
      100,
    );
    expect(methods.at(-1)).toBe('password');
    expect(debug.join('\n')).toMatch(/agent timed out after 100 ms waiting for/);
    expect(waits).not.toContain('agent');
  });
});

describe('CVE-2025-47913: an agent', () => {
  it('that pours in more than anybody asked for is cut off', async () => {
    const flood = new Uint8Array(agentMessageLength + 128 * 1024).fill(1);
    const { methods } = await logIn(honestBut(agentNumbers.requestIdentities, () => flood));
    expect(methods.at(-1)).toBe('password');
    await expect.poll(() => agent?.open()).toBe(0);
  });

  it('that lists more keys than are taken is given up', async () => {
    const keys = Array.from({ length: 2049 }, () => ({ publicKey: blob, comment: '' }));
    const many = framed(payloadOf(agentIdentitiesAnswer, { keys }));
    const { methods, debug } = await logIn(honestBut(agentNumbers.requestIdentities, () => many));
    expect(methods.at(-1)).toBe('password');
    expect(debug.join('\n')).toContain('lists 2049 keys; at most 2048 are taken');
  });

  it('whose keys are of no known type, or damaged, has none of use', async () => {
    const strange = framed(
      payloadOf(agentIdentitiesAnswer, {
        keys: [
          { publicKey: new Uint8Array(0), comment: 'empty' },
          { publicKey: blob.subarray(0, -1), comment: 'cut off' },
          { publicKey: concatBytes(Uint8Array.of(0, 0, 0, 3, 0x61, 0x40, 0x62), blob), comment: 'strange' },
        ],
      }),
    );
    const { methods, debug } = await logIn(honestBut(agentNumbers.requestIdentities, () => strange));
    expect(methods).toEqual(['password']);
    expect(debug.join('\n')).toContain('the agent holds 3 keys, 0 to offer');
  });

  it('that signs with another key than it was asked to costs its method', async () => {
    const other = generateKey('ed25519', { randomBytes: seededBytes(43) });
    const part = testProvider.sign('ssh-ed25519', other, new Uint8Array(8));
    const forged = framed(payloadOf(agentSignResponse, { signature: encodeSignature('ssh-ed25519', part) }));
    const { methods, debug } = await logIn(honestBut(agentNumbers.signRequest, () => forged));
    expect(methods.at(-1)).toBe('password');
    expect(debug.join('\n')).toContain('does not verify');
  });

  it('that names another algorithm in its signature costs its method', async () => {
    const old = framed(
      payloadOf(agentSignResponse, { signature: encodeSignature('ssh-rsa', new Uint8Array(256)) }),
    );
    const { methods, debug } = await logIn(honestBut(agentNumbers.signRequest, () => old));
    expect(methods.at(-1)).toBe('password');
    expect(debug.join('\n')).toContain('signed with ssh-rsa where ssh-ed25519 was asked for');
  });

  it('that is not there costs its method, and says where it was looked for', async () => {
    agent = await startScriptedAgent(() => undefined);
    server = await createServer({ hostKeys: [hostKey], authentication: { publicKey: () => true } });
    const { port } = await server.listen(0);
    // Node would cut the name of the second off at what lies there.
    for (const [path, why] of [
      [`${agent.path}-not`, 'there is no socket of that name'],
      [`${agent.path}${'x'.repeat(108)}`, 'its path is too long for a socket'],
    ] as const) {
      const error = await connect({
        host: '127.0.0.1',
        port,
        username: 'user',
        verifyHostKey: () => true,
        agent: path,
        auth: ['none', { method: 'agent', agent: path }],
      }).then(
        () => undefined,
        (reason: SshError) => reason,
      );
      expect(error).toMatchObject({
        code: 'ERR_SSH_AUTHENTICATION_FAILED',
        message: expect.stringContaining(`the agent at ${path} cannot be reached: ${why}`),
      });
    }
    expect(agent.requests).toEqual([]);
  });

  it('holds no dial that was aborted', async () => {
    agent = await startScriptedAgent(() => undefined);
    server = await createServer({ hostKeys: [hostKey], authentication: { publicKey: () => true } });
    const { port } = await server.listen(0);
    const abort = new AbortController();
    const dial = connect({
      host: '127.0.0.1',
      port,
      username: 'user',
      verifyHostKey: () => true,
      agent: agent.path,
      signal: abort.signal,
    });
    await expect.poll(() => agent?.requests.length).toBe(1);
    abort.abort();
    await expect(dial).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    await expect.poll(() => agent?.open()).toBe(0);
  });
});
