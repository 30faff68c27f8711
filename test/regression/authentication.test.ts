/** What servers have done during authentication: asked for ever, let in without proof, spoken to the terminal. */
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import { Authenticator } from '../../src/client/authentication/authentication.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { channelOpenFailure } from '../../src/message/channel.ts';
import { debug, disconnect } from '../../src/message/transport.ts';
import {
  userauthBanner,
  userauthInfoRequest,
  userauthPasswdChangeReq,
  userauthPkOk,
  userauthSuccess,
} from '../../src/message/userauth.ts';
import type { UserauthAttempt } from '../../src/userauth/client.ts';
import { publickeyAlgorithmsFor } from '../../src/userauth/signatureAlgorithms.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { newRsaKey } from '../crypto/support.ts';
import { hexBytes, lengthAnd } from '../message/support.ts';
import { World } from '../sim/world.ts';
import { Conversation, seededBytes } from '../support/conversation.ts';
import { play } from '../support/scene.ts';
import { blob, ClientScript, ed25519Key, sshError } from '../userauth/support.ts';

const protocolFault = sshError('ERR_SSH_AUTHENTICATION_PROTOCOL');
const { authenticationRounds } = defaultLimits;

const attempts: Readonly<Record<string, UserauthAttempt>> = {
  none: { method: 'none' },
  query: { method: 'publickey', algorithm: 'ssh-ed25519', publicKey: ed25519Key, probe: true },
  password: { method: 'password', password: 'x' },
  keyboardInteractive: { method: 'keyboard-interactive', submethods: '' },
};
const pkOk = { publicKeyAlgorithm: 'ssh-ed25519', publicKey: ed25519Key };
const changeRequest = { prompt: '', languageTag: '' };
const prompts = { name: '', instruction: '', languageTag: '', prompts: [{ prompt: '?', echo: true }] };

/** A client that has just sent this request, or has signed and sent. */
function waiting(which: keyof typeof attempts | 'signed'): ClientScript {
  const script = ClientScript.started();
  if (which !== 'signed') {
    script.client.attempt(attempts[which] as UserauthAttempt);
    return script;
  }
  script.client.attempt({ ...attempts['query'], probe: false } as UserauthAttempt);
  script.client.sign(blob('ssh-ed25519'));
  return script;
}

describe('russh 311f6cf: prompts and rounds without end', () => {
  it('a prompt count of 0xffffffff is not believed', () => {
    const script = waiting('keyboardInteractive');
    const fields = hexBytes('00000000 00000000 00000000', 'ffffffff', lengthAnd('?'), '00');
    expect(() => script.client.receive(60, new WireReader(fields))).toThrow(
      sshError('ERR_SSH_DECODE', /4294967295 entries claimed in 6 bytes/),
    );
  });

  it('INFO_REQUEST for ever ends at the limit of rounds, whoever answers', () => {
    for (const asked of [prompts, { ...prompts, prompts: [] }]) {
      const script = waiting('keyboardInteractive');
      const ask = (): void => {
        script.says(userauthInfoRequest, asked);
        if (asked.prompts.length > 0) script.client.answerPrompts(['a']);
      };
      for (let round = 1; round < authenticationRounds; round++) ask();
      expect(ask).toThrow(sshError('ERR_SSH_LIMIT', /64 rounds/));
      expect(script.sent).toHaveLength(authenticationRounds);
    }
  });

  it('PASSWD_CHANGEREQ for ever ends at the limit of rounds', () => {
    const script = waiting('password');
    const ask = (): void => {
      script.says(userauthPasswdChangeReq, changeRequest);
      script.client.changePassword('a', 'b');
    };
    for (let round = 1; round < authenticationRounds; round++) ask();
    expect(ask).toThrow(sshError('ERR_SSH_LIMIT'));
  });
});

describe('go, 64 attempts: FAILURE for ever', () => {
  it.each([
    ['failure', false],
    ['partial success', 'partial'],
  ] as const)(
    'a client whose server answers %s for ever is told so after what it has to offer',
    async (_name, verdict) => {
      const world = new World({ seed: 1 });
      let asked = 0;
      const password = (): typeof verdict => {
        asked++;
        return verdict;
      };
      const over = await world.play(async () => {
        await world.startServer({ authentication: { password, keyboardInteractive: password } });
        await world.call('connect', () =>
          world.connect({ privateKey: [], password: () => 'x', keyboardInteractive: () => ['x'] }),
        );
      });
      expect(over).toBe(true);
      expect(world.calls[0]?.error).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
      expect(asked).toBeGreaterThan(0);
      expect(asked).toBeLessThan(10);
      expect(world.live()).toEqual([]);
    },
  );

  for (const partialSuccess of [false, true]) {
    it(`ends at the limit of rounds, with partial success ${partialSuccess}`, () => {
      const script = ClientScript.started();
      for (let round = 0; round < authenticationRounds; round++) {
        script.client.attempt({ method: 'password', password: 'x' });
        script.fails(['password'], partialSuccess);
      }
      expect(() => script.client.attempt({ method: 'password', password: 'x' })).toThrow(
        sshError('ERR_SSH_LIMIT', /64 rounds/),
      );
      expect(script.sent).toHaveLength(authenticationRounds);
    });
  }

  it('a FAILURE that nothing was asked for ends at once', () => {
    const script = ClientScript.started();
    expect(() => script.fails()).toThrow(protocolFault);
  });
});

describe('CVE-2021-36369: SUCCESS without a method having been tried', () => {
  it('ends the connection, and nobody is told that it is ready', () => {
    const conversation = Conversation.to('authentication').say(userauthSuccess, {});
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_PROTOCOL' });
    expect(conversation.eventsOf('ready')).toHaveLength(0);
  });

  it('ends before any request', () => {
    const script = ClientScript.started();
    expect(() => script.succeeds()).toThrow(protocolFault);
    expect(script.client.done).toBe(false);
  });

  it('ends between two requests', () => {
    const script = waiting('none');
    script.fails();
    expect(() => script.succeeds()).toThrow(protocolFault);
  });

  it('ends while a signature, an answer or a new password is still to be given', () => {
    const signing = ClientScript.started();
    signing.client.attempt({ ...attempts['query'], probe: false } as UserauthAttempt);
    expect(() => signing.succeeds()).toThrow(protocolFault);
    const prompted = waiting('keyboardInteractive');
    prompted.says(userauthInfoRequest, prompts);
    expect(() => prompted.succeeds()).toThrow(protocolFault);
    const expired = waiting('password');
    expired.says(userauthPasswdChangeReq, changeRequest);
    expect(() => expired.succeeds()).toThrow(protocolFault);
  });

  it('ends when a key was only asked about and proved nothing', () => {
    const script = waiting('query');
    expect(() => script.succeeds()).toThrow(protocolFault);
  });

  it('is taken when none was asked for', () => {
    const script = waiting('none');
    script.succeeds();
    expect(script.client.done).toBe(true);
  });

  it('comes once', () => {
    const script = waiting('none');
    script.succeeds();
    expect(() => script.succeeds()).toThrow(protocolFault);
  });
});

describe('ssh2, RFC 4252 §6: message 60 that nobody asked for', () => {
  const from: readonly (keyof typeof attempts | 'signed')[] = ['none', 'signed'];
  for (const which of from) {
    it(`ends after a ${which} request, which has no message 60`, () => {
      expect(() => waiting(which).says(userauthPkOk, pkOk)).toThrow(protocolFault);
      expect(() => waiting(which).says(userauthPasswdChangeReq, changeRequest)).toThrow(protocolFault);
      expect(() => waiting(which).says(userauthInfoRequest, prompts)).toThrow(protocolFault);
    });
  }

  it('ends before any request', () => {
    expect(() => ClientScript.started().says(userauthPkOk, pkOk)).toThrow(protocolFault);
  });

  it('belongs to the method under way: prompts after a password are no prompts', () => {
    const script = waiting('password');
    expect(() => script.says(userauthInfoRequest, prompts)).toThrow(
      sshError('ERR_SSH_DECODE', /SSH_MSG_USERAUTH_PASSWD_CHANGEREQ/),
    );
  });

  it('PK_OK for another key ends', () => {
    const script = waiting('query');
    const other = blob('ssh-ed25519', new Uint8Array(32).fill(8));
    expect(() => script.says(userauthPkOk, { ...pkOk, publicKey: other })).toThrow(
      sshError('ERR_SSH_AUTHENTICATION_PROTOCOL', /another key/),
    );
    expect(script.events()).toEqual([]);
  });

  it('PK_OK for another algorithm ends', () => {
    const script = waiting('query');
    expect(() => script.says(userauthPkOk, { ...pkOk, publicKeyAlgorithm: 'ssh-rsa' })).toThrow(
      sshError('ERR_SSH_AUTHENTICATION_PROTOCOL', /ssh-rsa, ssh-ed25519 was asked about/),
    );
  });

  it('a second PK_OK ends', () => {
    const script = waiting('query');
    script.says(userauthPkOk, pkOk);
    expect(() => script.says(userauthPkOk, pkOk)).toThrow(protocolFault);
  });

  it('messages of a client, and numbers without a meaning, end', () => {
    for (const number of [50, 54, 59, 61, 62, 79]) {
      const script = waiting('password');
      expect(() => script.client.receive(number, new WireReader(new Uint8Array(0)))).toThrow(protocolFault);
    }
  });
});

describe('CVE-2019-6109: texts of a server', () => {
  const evil = 'a\u001b]0;owned\u0007\u009b2J\u202eb\r\nc';
  /** No control character but the ends of lines, nothing that reorders. */
  const safe = /^[^\p{Cc}\p{Cf}]*$/u;
  const isSafe = (text = 'missing'): boolean => text !== 'missing' && safe.test(text.replaceAll('\n', ''));

  it('banners and prompts reach the user escaped', async () => {
    const shown: string[] = [];
    await play(async () => {}, {
      server: {
        banner: evil,
        authentication: {
          keyboardInteractive: async (_user, ask) =>
            (await ask({ name: evil, instruction: evil, prompts: [{ prompt: evil, echo: true }] })).length ===
            1,
        },
      },
      connect: {
        privateKey: [],
        onBanner: (text) => void shown.push(text),
        keyboardInteractive: ({ name, instruction, prompts: asked }) => {
          shown.push(name, instruction, ...asked.map(({ prompt }) => prompt));
          return ['x'];
        },
      },
    });
    expect(shown).toHaveLength(4);
    for (const text of shown) expect(text).toSatisfy(isSafe);
    expect(shown[0]).toContain('\\x1b');
  });

  it('debug texts, refusals and the goodbye reach the user escaped', async () => {
    const lines: string[] = [];
    const world = await play(
      async (scene) => {
        const { client } = scene;
        scene.say(debug, { alwaysDisplay: true, message: evil, languageTag: '' });
        scene.mute(91, 92);
        const opening = scene.world.call('open', () => client.openTcp('echo', 7));
        await scene.world.sleep(10);
        const failure = { recipientChannel: 0, reasonCode: 1, description: evil, languageTag: '' };
        scene.say(channelOpenFailure, failure);
        await opening;
        scene.say(disconnect, { reasonCode: 11, description: evil, languageTag: '' });
        await client.closed;
      },
      { connect: { onDebug: (line) => void lines.push(line) } },
    );
    const cause = world.ends.find(({ cause: { code } }) => code === 'ERR_SSH_DISCONNECTED')?.cause;
    const refusal = world.calls[0]?.error;
    const told = [lines.find((line) => line.startsWith('server says')), cause?.message, String(refusal)];
    for (const text of told) {
      expect(text).toSatisfy(isSafe);
      expect(text).toContain('\\x1b');
    }
  });

  it('come through unchanged, for the presenter to escape, and within the limit', () => {
    const script = ClientScript.started();
    const message = '\u001b]0;owned\u0007\u202e';
    script.says(userauthBanner, { message, languageTag: '' });
    expect(script.events()).toEqual([{ type: 'banner', message, languageTag: '', isCut: false }]);
    const flood = (): void => {
      for (let i = 0; i < 100_000; i++) script.says(userauthBanner, { message: '', languageTag: '' });
    };
    flood();
    expect(script.events().length).toBeLessThanOrEqual(defaultLimits.bannerBytes / 8);
  });

  it('that are longer than the limit are cut, which is said, and the dial goes on', async () => {
    const told: string[] = [];
    const lines: string[] = [];
    const banner = 'line of a banner\n'.repeat(6000);
    await play(async () => {}, {
      server: { banner },
      connect: { onBanner: (text) => told.push(text), onDebug: (line) => lines.push(line) },
    });
    expect(told).toHaveLength(1);
    const [text = ''] = told;
    expect(text.length).toBeGreaterThan(60_000);
    expect(text).toMatch(/^(line of a banner\n)+[^\n]*\n\[the banner is longer; the rest was cut off.*\]\n$/);
    expect(lines).toContainEqual(expect.stringContaining('more banner than limits.bannerBytes'));
  });

  it('never reach an error message raw: a name with an escape sequence is no name', () => {
    const script = waiting('query');
    const fields = hexBytes(lengthAnd('\u001b[2J'), lengthAnd('k'));
    expect(() => script.client.receive(60, new WireReader(fields))).toThrow(
      sshError('ERR_SSH_DECODE', /^[\x20-\x7e]+$/),
    );
  });
});

describe('RFC 8308 §3.1: server-sig-algs', () => {
  it.each([
    ['nothing', undefined, ['rsa-sha2-512', 'rsa-sha2-256']],
    ['an empty list', [], []],
    ['SHA-1 alone', ['ssh-rsa', 'ssh-ed25519'], []],
    ['SHA-1 and one of SHA-2', ['ssh-rsa', 'rsa-sha2-256'], ['rsa-sha2-256']],
    ['both of SHA-2', ['rsa-sha2-256', 'rsa-sha2-512'], ['rsa-sha2-512']],
  ])('a client told %s tries RSA keys by SHA-2 or not at all', async (_name, serverSigAlgs, expected) => {
    const keys = [{ key: newRsaKey(2048), comment: '' }];
    const provider = createEagerNobleProvider({ randomBytes: seededBytes(1) });
    const authenticator = new Authenticator({}, { keys, notes: [] }, { provider });
    const wanted = {
      type: 'methodWanted',
      methodsThatCanContinue: ['publickey'],
      partialSuccess: false,
      failed: undefined,
    } as const;
    const tried: unknown[] = [];
    const tryAll = async (): Promise<void> => {
      for (;;) tried.push(await authenticator.nextAttempt(wanted, serverSigAlgs));
    };
    await expect(tryAll()).rejects.toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
    expect(tried).toMatchObject(expected.map((algorithm) => ({ algorithm })));
  });

  it('tries rsa-sha2 when told nothing', () => {
    expect(publickeyAlgorithmsFor('ssh-rsa', undefined)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
  });

  it('never falls to SHA-1 when rsa-sha2 is not among them', () => {
    expect(publickeyAlgorithmsFor('ssh-rsa', ['ssh-rsa', 'ssh-ed25519'])).toEqual([]);
    expect(publickeyAlgorithmsFor('ssh-rsa', [])).toEqual([]);
  });

  it('takes the best that the server takes, and no other: each is an attempt', () => {
    expect(publickeyAlgorithmsFor('ssh-rsa', ['rsa-sha2-256', 'ssh-rsa'])).toEqual(['rsa-sha2-256']);
    expect(publickeyAlgorithmsFor('ssh-rsa', ['rsa-sha2-256', 'rsa-sha2-512'])).toEqual(['rsa-sha2-512']);
  });

  it.each([
    [['rsa-sha2-256', 'rsa-sha2-512'], ['rsa-sha2-256']],
    [['ssh-ed25519', 'rsa-sha2-256'], ['rsa-sha2-256']],
    [['ssh-ed25519'], ['rsa-sha2-512']],
    [['ssh-rsa'], ['ssh-rsa']],
    [['ssh-rsa', 'rsa-sha2-256'], ['rsa-sha2-256']],
  ])('has the order of the options: %j', (named, expected) => {
    const serverSigAlgs = ['ssh-rsa', 'rsa-sha2-256', 'rsa-sha2-512'];
    expect(publickeyAlgorithmsFor('ssh-rsa', serverSigAlgs, named)).toEqual(expected);
  });

  it('holds for certificates, which servers list by the plain name or by their own', () => {
    const type = 'ssh-rsa-cert-v01@openssh.com';
    const best = ['rsa-sha2-512-cert-v01@openssh.com'];
    expect(publickeyAlgorithmsFor(type, ['rsa-sha2-256', 'rsa-sha2-512'])).toEqual(best);
    expect(publickeyAlgorithmsFor(type, best)).toEqual(best);
    expect(publickeyAlgorithmsFor(type, ['rsa-sha2-256'])).toEqual(['rsa-sha2-256-cert-v01@openssh.com']);
    expect(publickeyAlgorithmsFor(type, ['ssh-rsa'], ['ssh-rsa'])).toEqual([]);
    expect(publickeyAlgorithmsFor(type, undefined, ['rsa-sha2-256'])).toEqual([
      'rsa-sha2-256-cert-v01@openssh.com',
    ]);
  });

  it('says nothing against keys with one algorithm', () => {
    expect(publickeyAlgorithmsFor('ssh-ed25519', ['rsa-sha2-512'])).toEqual(['ssh-ed25519']);
    expect(publickeyAlgorithmsFor('ecdsa-sha2-nistp256', undefined)).toEqual(['ecdsa-sha2-nistp256']);
  });
});
