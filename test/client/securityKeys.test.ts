/** Keys in security tokens as users have them: behind an agent. */
import { afterEach, describe, expect, it } from 'vitest';
import { encodePublicKey, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { connect } from '../../src/entry/index.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import {
  agentIdentitiesAnswer,
  agentNumbers,
  agentSignRequest,
  agentSignResponse,
  agentSuccess,
} from '../../src/message/agent.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { framed, type ScriptedAgent, startScriptedAgent } from '../support/agents.ts';
import { payloadOf, seededBytes } from '../support/conversation.ts';
import { makeSecurityKey, signWithSecurityKey } from '../support/securityKeys.ts';

const hostKey = generateKey('ed25519', { randomBytes: seededBytes(81) });

let server: SshServer | undefined;
let agent: ScriptedAgent | undefined;
afterEach(async () => {
  await agent?.stop();
  await server?.close();
});

/** Logs in with a token behind an agent that sets these flags. */
async function logIn(kind: 'ed25519' | 'ecdsa256', flags: number): Promise<string> {
  const token = makeSecurityKey(kind, 'ssh:', 82);
  const blob = encodePublicKey(token.publicKey);
  agent = await startScriptedAgent((request) => {
    switch (request[0]) {
      case agentNumbers.requestIdentities:
        return framed(payloadOf(agentIdentitiesAnswer, { keys: [{ publicKey: blob, comment: 'token' }] }));
      case agentNumbers.signRequest: {
        const { data } = agentSignRequest.decode(new WireReader(request, 1));
        const part = signWithSecurityKey(token, data, flags, 3);
        const signature = encodeSignature(token.publicKey.type, part);
        return framed(payloadOf(agentSignResponse, { signature }));
      }
      default:
        return framed(payloadOf(agentSuccess, {}));
    }
  });
  let type = '';
  server = await createServer({
    hostKeys: [hostKey],
    authentication: {
      publicKey: (_user, key) => {
        type = key.type;
        return true;
      },
    },
  });
  const { port } = await server.listen(0);
  await using client = await connect({
    host: '127.0.0.1',
    port,
    username: 'user',
    verifyHostKey: () => true,
    agent: agent.path,
  });
  expect(client.inspect().phase).toBe('connection');
  return type;
}

describe.each([
  ['ed25519', 'sk-ssh-ed25519@openssh.com'],
  ['ecdsa256', 'sk-ecdsa-sha2-nistp256@openssh.com'],
] as const)('a key of kind %s in a security token', (kind, type) => {
  it('logs its user in through an agent, touched or touched and verified', async () => {
    expect(await logIn(kind, 1)).toBe(type);
    await agent?.stop();
    await server?.close();
    expect(await logIn(kind, 5)).toBe(type);
  });

  it('that nobody touched is refused by the server here', async () => {
    for (const flags of [0, 4]) {
      await expect(logIn(kind, flags)).rejects.toMatchObject({
        code: 'ERR_SSH_AUTHENTICATION_FAILED',
        message: expect.stringContaining(type),
      });
      await agent?.stop();
      await server?.close();
    }
  });
});
