/** The client's side of RFC 4252 and RFC 4256, one conversation each. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import {
  userauthBanner,
  userauthInfoRequest,
  userauthPasswdChangeReq,
  userauthPkOk,
} from '../../src/message/userauth.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { hexBytes, lengthAnd } from '../message/support.ts';
import { blob, ClientScript, ed25519Key, rsaKey, sessionId, sshError } from './support.ts';

const me = { userName: 'me', serviceName: 'ssh-connection' };
const signature = blob('ssh-ed25519', new Uint8Array(64));
const protocolFault = (pattern?: RegExp): unknown => sshError('ERR_SSH_AUTHENTICATION_PROTOCOL', pattern);
const misuse = (pattern?: RegExp): unknown => sshError('ERR_SSH_OPTIONS', pattern);

const offer = (probe: boolean) =>
  ({ method: 'publickey', algorithm: 'ssh-ed25519', publicKey: ed25519Key, probe }) as const;
const infoRequest = (prompts: readonly { prompt: string; echo: boolean }[]) => ({
  name: 'PAM',
  instruction: 'two factors',
  languageTag: '',
  prompts,
});

describe('the beginning', () => {
  it('asks the driver for a method, and says that the server named none yet', () => {
    const script = new ClientScript();
    expect(script.client.state).toBe('initial');
    script.client.start();
    expect(script.events()).toEqual([
      { type: 'methodWanted', methodsThatCanContinue: [], partialSuccess: false, failed: undefined },
    ]);
    expect(script.sent).toEqual([]);
  });

  it('happens once', () => {
    const script = ClientScript.started();
    expect(() => script.client.start()).toThrow(misuse());
  });

  it('cannot be skipped', () => {
    const script = new ClientScript();
    expect(() => script.client.attempt({ method: 'none' })).toThrow(misuse(/methodWanted/));
    expect(() => script.succeeds()).toThrow(protocolFault());
  });
});

describe('none (RFC 4252 §5.2)', () => {
  it('learns which methods there are', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'none' });
    expect(script.said()).toMatchObject([{ value: { ...me, methodName: 'none' } }]);
    script.fails(['publickey', 'keyboard-interactive']);
    expect(script.events()).toEqual([
      {
        type: 'methodWanted',
        methodsThatCanContinue: ['publickey', 'keyboard-interactive'],
        partialSuccess: false,
        failed: 'none',
      },
    ]);
    expect(script.waits).toEqual(['none', 'answered']);
  });

  it('may be all that is needed', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'none' });
    script.succeeds();
    expect(script.events()).toEqual([{ type: 'authenticated', method: 'none' }]);
    expect(script.client.done).toBe(true);
  });
});

describe('publickey (RFC 4252 §7)', () => {
  it('signs at once where a signature costs nothing', () => {
    const script = ClientScript.started();
    script.client.attempt(offer(false));
    expect(script.sent).toEqual([]);
    expect(script.events()).toMatchObject([
      { type: 'signatureWanted', algorithm: 'ssh-ed25519', publicKey: ed25519Key },
    ]);
    script.client.sign(signature);
    expect(script.said()).toMatchObject([
      {
        value: {
          ...me,
          hasSignature: true,
          publicKeyAlgorithm: 'ssh-ed25519',
          publicKey: ed25519Key,
          signature,
        },
      },
    ]);
    script.succeeds();
    expect(script.events()).toEqual([{ type: 'authenticated', method: 'publickey' }]);
    expect(script.waits).toEqual(['publickey', 'answered']);
  });

  it('signs session id, number, user, service, method, TRUE, algorithm and key', () => {
    const script = ClientScript.started();
    script.client.attempt(offer(false));
    const sessionIdHex = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, '0')).join('');
    expect(script.events()).toMatchObject([
      {
        data: hexBytes(
          '00000020',
          sessionIdHex,
          '32',
          lengthAnd('me'),
          lengthAnd('ssh-connection'),
          lengthAnd('publickey'),
          '01',
          lengthAnd('ssh-ed25519'),
          '00000033',
          lengthAnd('ssh-ed25519'),
          '00000020',
          '07'.repeat(32),
        ),
      },
    ]);
  });

  it('asks first where a signature costs something, and signs after PK_OK', () => {
    const script = ClientScript.started();
    script.client.attempt(offer(true));
    expect(script.said()).toMatchObject([
      { value: { hasSignature: false, publicKeyAlgorithm: 'ssh-ed25519', publicKey: ed25519Key } },
    ]);
    expect(script.events()).toEqual([]);
    script.says(userauthPkOk, { publicKeyAlgorithm: 'ssh-ed25519', publicKey: ed25519Key });
    expect(script.events()).toMatchObject([{ type: 'signatureWanted' }]);
    script.client.sign(signature);
    expect(script.said()).toMatchObject([{ value: { hasSignature: true, signature } }]);
    expect(script.waits).toEqual(['publickey', 'answered', 'publickey']);
  });

  it.each([
    [
      'another key',
      { publicKeyAlgorithm: 'ssh-ed25519', publicKey: blob('ssh-ed25519', new Uint8Array(32)) },
    ],
    ['another algorithm', { publicKeyAlgorithm: 'rsa-sha2-512', publicKey: ed25519Key }],
  ])('signs nothing when PK_OK is for %s than was asked about', (_, pkOk) => {
    const script = ClientScript.started();
    script.client.attempt(offer(true));
    expect(() => script.says(userauthPkOk, pkOk)).toThrow(protocolFault(/was asked about/));
    expect(script.events()).toEqual([]);
  });

  it('binds the signature to the host key where the server takes such (OpenSSH PROTOCOL §3.1)', () => {
    const hostKey = blob('ssh-ed25519', new Uint8Array(32).fill(9));
    for (const probe of [false, true]) {
      const script = ClientScript.started({ boundHostKey: () => hostKey });
      script.client.attempt(offer(probe));
      if (probe) {
        expect(script.said()).toMatchObject([{ value: { methodName: 'publickey', hasSignature: false } }]);
        script.says(userauthPkOk, { publicKeyAlgorithm: 'ssh-ed25519', publicKey: ed25519Key });
      }
      const [wanted] = script.events();
      if (wanted?.type !== 'signatureWanted') throw new Error('no signature is wanted');
      script.client.sign(signature);
      const [request = new Uint8Array(0)] = script.sent;
      // What is signed is the session id and the request as it is sent, up to its signature.
      const signed = new WireWriter().string(sessionId).bytes(request.subarray(0, -4 - signature.length));
      expect(wanted.data).toEqual(signed.copyWritten());
      expect(script.said()).toMatchObject([
        {
          value: {
            methodName: 'publickey-hostbound-v00@openssh.com',
            hasSignature: true,
            publicKey: ed25519Key,
            serverHostKey: hostKey,
            signature,
          },
        },
      ]);
      expect(script.waits.at(-1)).toBe('publickey');
    }
  });

  it('goes on with another key when the server does not want the first', () => {
    const script = ClientScript.started();
    script.client.attempt(offer(true));
    script.fails(['publickey']);
    expect(script.events()).toMatchObject([{ type: 'methodWanted', failed: 'publickey' }]);
    script.client.attempt({ ...offer(true), algorithm: 'rsa-sha2-512', publicKey: rsaKey });
    expect(script.client.state).toBe('publickeyQuerySent');
  });

  it('names rsa-sha2 while the key says ssh-rsa (RFC 8332 §3)', () => {
    const script = ClientScript.started();
    script.client.attempt({
      method: 'publickey',
      algorithm: 'rsa-sha2-256',
      publicKey: rsaKey,
      probe: false,
    });
    expect(script.events()).toMatchObject([{ algorithm: 'rsa-sha2-256', publicKey: rsaKey }]);
    script.client.sign(blob('rsa-sha2-256'));
    expect(script.said()).toMatchObject([{ value: { publicKeyAlgorithm: 'rsa-sha2-256' } }]);
  });

  it('does not send a signature by another algorithm than it announced', () => {
    const script = ClientScript.started();
    script.client.attempt({
      method: 'publickey',
      algorithm: 'rsa-sha2-256',
      publicKey: rsaKey,
      probe: false,
    });
    expect(() => script.client.sign(blob('ssh-rsa'))).toThrow(sshError('ERR_SSH_CRYPTO', /rsa-sha2-256/));
    expect(script.sent).toEqual([]);
    script.client.signatureFailed();
    expect(script.client.state).toBe('methodWanted');
  });

  it('signs for a certificate with the name of its key', () => {
    const script = ClientScript.started();
    const certificate = blob('ssh-rsa-cert-v01@openssh.com');
    const algorithm = 'rsa-sha2-512-cert-v01@openssh.com';
    script.client.attempt({ method: 'publickey', algorithm, publicKey: certificate, probe: false });
    script.client.sign(blob('rsa-sha2-512'));
    expect(script.said()).toMatchObject([
      { value: { publicKeyAlgorithm: algorithm, publicKey: certificate } },
    ]);
  });

  it('refuses a key that is not of the type the algorithm works with', () => {
    const script = ClientScript.started();
    for (const probe of [true, false]) {
      expect(() =>
        script.client.attempt({ method: 'publickey', algorithm: 'ssh-ed25519', publicKey: rsaKey, probe }),
      ).toThrow(misuse(/not of the type/));
    }
    expect(script.client.state).toBe('methodWanted');
  });

  it('goes to the next method without a round when no signature can be had', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'none' });
    script.fails(['publickey', 'password']);
    script.client.attempt(offer(false));
    script.said();
    script.events();
    script.client.signatureFailed();
    expect(script.events()).toEqual([
      {
        type: 'methodWanted',
        methodsThatCanContinue: ['publickey', 'password'],
        partialSuccess: false,
        failed: 'publickey',
      },
    ]);
    expect(script.sent).toEqual([]);
  });
});

describe('password (RFC 4252 §8)', () => {
  it('RFC 4252 §8: is sent in UTF-8', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'password', password: 'pässwörd€' });
    const bytes = new TextEncoder().encode('pässwörd€');
    expect(script.sent[0]?.slice(-bytes.length)).toEqual(bytes);
    expect(script.said()).toMatchObject([{ value: { changesPassword: false, password: 'pässwörd€' } }]);
    script.succeeds();
    expect(script.events()).toEqual([{ type: 'authenticated', method: 'password' }]);
  });

  it('is changed when the server wants that, and again when the new one is not good enough', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'password', password: 'old' });
    script.said();
    script.says(userauthPasswdChangeReq, { prompt: 'expired', languageTag: 'en' });
    expect(script.events()).toEqual([{ type: 'passwordChangeWanted', prompt: 'expired', languageTag: 'en' }]);
    script.client.changePassword('old', 'new');
    expect(script.said()).toMatchObject([
      { value: { changesPassword: true, oldPassword: 'old', newPassword: 'new' } },
    ]);
    script.says(userauthPasswdChangeReq, { prompt: 'too short', languageTag: '' });
    script.client.changePassword('old', 'newer');
    script.succeeds();
    expect(script.client.done).toBe(true);
    expect(script.waits).toEqual(['password', 'answered', 'password', 'answered', 'password', 'answered']);
  });

  it('may stay as it is: then another method is wanted', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'password', password: 'old' });
    script.says(userauthPasswdChangeReq, { prompt: 'expired', languageTag: '' });
    script.events();
    script.client.refusePasswordChange();
    expect(script.events()).toMatchObject([{ type: 'methodWanted', failed: 'password' }]);
  });
});

describe('keyboard-interactive (RFC 4256)', () => {
  it('asks the prompts and sends as many answers', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'keyboard-interactive', submethods: 'pam' });
    expect(script.said()).toMatchObject([{ value: { ...me, languageTag: '', submethods: 'pam' } }]);
    const prompts = [
      { prompt: 'Password: ', echo: false },
      { prompt: 'Token: ', echo: true },
    ];
    script.says(userauthInfoRequest, infoRequest(prompts));
    expect(script.events()).toEqual([
      { type: 'promptsWanted', name: 'PAM', instruction: 'two factors', prompts },
    ]);
    script.client.answerPrompts(['secret', '123456']);
    expect(script.said()).toMatchObject([{ value: { responses: ['secret', '123456'] } }]);
    script.succeeds();
    expect(script.events()).toEqual([{ type: 'authenticated', method: 'keyboard-interactive' }]);
    expect(script.waits).toEqual(['keyboard-interactive', 'answered', 'keyboard-interactive', 'answered']);
  });

  it('RFC 4256 §3.4: answers no prompts with no answers, and asks nobody', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'keyboard-interactive', submethods: '' });
    script.said();
    script.says(userauthInfoRequest, infoRequest([]));
    expect(script.events()).toEqual([]);
    expect(script.said()).toMatchObject([
      { name: 'SSH_MSG_USERAUTH_INFO_RESPONSE', value: { responses: [] } },
    ]);
  });

  it('goes on for as many rounds as the server asks', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'keyboard-interactive', submethods: '' });
    for (const answer of ['a', 'b', 'c']) {
      script.says(userauthInfoRequest, infoRequest([{ prompt: '?', echo: true }]));
      script.client.answerPrompts([answer]);
    }
    script.fails();
    expect(script.events().at(-1)).toMatchObject({ type: 'methodWanted', failed: 'keyboard-interactive' });
  });

  it('RFC 4256 §3.4: takes one answer for each prompt, no more and no fewer', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'keyboard-interactive', submethods: '' });
    script.says(userauthInfoRequest, infoRequest([{ prompt: '?', echo: true }]));
    script.said();
    expect(() => script.client.answerPrompts([])).toThrow(misuse(/1 prompts want 1 responses, 0/));
    expect(() => script.client.answerPrompts(['a', 'b'])).toThrow(misuse());
    script.client.answerPrompts(['a']);
    expect(script.said()).toHaveLength(1);
  });

  it('may succeed or fail without a prompt', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'keyboard-interactive', submethods: '' });
    script.succeeds();
    expect(script.client.done).toBe(true);
  });

  it('may be left unanswered: then another method is wanted', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'keyboard-interactive', submethods: '' });
    script.says(userauthInfoRequest, infoRequest([{ prompt: '?', echo: true }]));
    script.said();
    script.events();
    script.client.refusePrompts();
    expect(script.events()).toMatchObject([{ type: 'methodWanted', failed: 'keyboard-interactive' }]);
    expect(script.sent).toEqual([]);
  });
});

describe('partial success (RFC 4252 §5.1)', () => {
  it('RFC 4252 §5.1: goes on with the methods listed after partial success, the same one too', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'password', password: 'one' });
    script.fails(['password', 'publickey'], true);
    expect(script.events()).toEqual([
      {
        type: 'methodWanted',
        methodsThatCanContinue: ['password', 'publickey'],
        partialSuccess: true,
        failed: undefined,
      },
    ]);
    script.client.attempt({ method: 'password', password: 'two' });
    script.succeeds();
    expect(script.client.done).toBe(true);
  });
});

describe('banners (RFC 4252 §5.4)', () => {
  const banner = { message: 'Authorized use only\r\n', languageTag: 'en' };

  it('RFC 4252 §5.4: may come at any time before SUCCESS and change nothing', () => {
    const script = ClientScript.started();
    const show = (): void => {
      const { state } = script.client;
      script.says(userauthBanner, banner);
      expect(script.events()).toEqual([{ type: 'banner', ...banner, isCut: false }]);
      expect(script.client.state).toBe(state);
    };
    show();
    script.client.attempt({ method: 'none' });
    show();
    script.fails();
    script.events();
    script.client.attempt(offer(true));
    show();
    script.says(userauthPkOk, { publicKeyAlgorithm: 'ssh-ed25519', publicKey: ed25519Key });
    script.events();
    show();
    script.client.sign(signature);
    show();
    expect(script.waits).toEqual(['none', 'answered', 'publickey', 'answered', 'publickey']);
  });

  it('RFC 4252 §5.4: are refused after SUCCESS', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'none' });
    script.succeeds();
    expect(() => script.says(userauthBanner, banner)).toThrow(protocolFault(/BANNER.*done/));
  });

  it('are bounded all together: the rest is cut off and said to be, and authentication goes on', () => {
    // 48 bytes each, and 8 for an empty one: exactly as many as may be.
    const script = ClientScript.started({ limits: { bannerBytes: 104 } });
    const message = 'x'.repeat(40);
    script.says(userauthBanner, { message, languageTag: '' });
    script.says(userauthBanner, { message, languageTag: '' });
    script.says(userauthBanner, { message: '', languageTag: '' });
    script.says(userauthBanner, { message, languageTag: 'en' });
    for (let i = 0; i < 1000; i++) script.says(userauthBanner, { message, languageTag: '' });
    const whole = { type: 'banner', languageTag: '', isCut: false };
    expect(script.events()).toEqual([
      { ...whole, message },
      { ...whole, message },
      { ...whole, message: '' },
      { ...whole, message: '', isCut: true },
    ]);
    script.client.attempt({ method: 'none' });
    script.succeeds();
    expect(script.client.done).toBe(true);
  });

  it('are cut between two characters', () => {
    const message = 'ääää';
    for (let most = 0; most <= 8; most++) {
      const script = ClientScript.started({ limits: { bannerBytes: most } });
      script.says(userauthBanner, { message, languageTag: '' });
      const cut = 'ä'.repeat(Math.floor(most / 2));
      expect(script.events()).toEqual([{ type: 'banner', message: cut, languageTag: '', isCut: true }]);
    }
  });
});

describe('rounds', () => {
  it('are as many as the limit says, and not one more', () => {
    const script = ClientScript.started({ limits: { authenticationRounds: 2 } });
    for (let round = 0; round < 2; round++) {
      script.client.attempt({ method: 'none' });
      script.fails();
    }
    expect(() => script.client.attempt({ method: 'none' })).toThrow(sshError('ERR_SSH_LIMIT', /2 rounds/));
  });

  it('are requests: a key that is signed with at once is one', () => {
    const script = ClientScript.started({ limits: { authenticationRounds: 1 } });
    script.client.attempt(offer(false));
    script.client.sign(signature);
    expect(script.sent).toHaveLength(1);
  });
});

describe('the driver', () => {
  it('answers what was asked and nothing else, and a wrong answer changes nothing', () => {
    const script = ClientScript.started();
    const { client } = script;
    const wrong = [
      () => client.sign(signature),
      () => client.signatureFailed(),
      () => client.changePassword('a', 'b'),
      () => client.refusePasswordChange(),
      () => client.answerPrompts([]),
      () => client.refusePrompts(),
    ];
    for (const answer of wrong) expect(answer).toThrow(misuse(/which is not asked now \(methodWanted\)/));
    client.attempt({ method: 'none' });
    expect(() => client.attempt({ method: 'none' })).toThrow(misuse());
    script.succeeds();
    expect(client.done).toBe(true);
  });
});

describe('secrets', () => {
  it('are gone from the machine once they are sent', () => {
    const script = ClientScript.started();
    const { client } = script;
    const inside = (): string => inspect(client, { depth: 12, showHidden: true, maxArrayLength: null });
    client.attempt({ method: 'password', password: 'hunter2-old' });
    script.says(userauthPasswdChangeReq, { prompt: '', languageTag: '' });
    client.changePassword('hunter2-old', 'hunter2-new');
    script.fails();
    client.attempt({ method: 'keyboard-interactive', submethods: '' });
    script.says(userauthInfoRequest, infoRequest([{ prompt: '?', echo: false }]));
    client.answerPrompts(['hunter2-answer']);
    expect(inside()).not.toContain('hunter2');
  });

  it('are not in errors', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'password', password: 'hunter2' });
    let thrown: unknown;
    try {
      script.client.attempt({ method: 'password', password: 'hunter2' });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SshError);
    expect(inspect(thrown)).not.toContain('hunter2');
  });
});

describe('SUCCESS', () => {
  it('has nothing in it: with more behind its number it lets nobody in', () => {
    const script = ClientScript.started();
    script.client.attempt({ method: 'none' });
    expect(() => script.client.receive(52, new WireReader(Uint8Array.of(52, 0), 1))).toThrow(
      sshError('ERR_SSH_DECODE'),
    );
    expect(script.client.done).toBe(false);
    expect(script.events()).toEqual([]);
  });
});

describe('after a fault', () => {
  it('every further message meets the same error', () => {
    const script = ClientScript.started();
    let first: unknown;
    try {
      script.succeeds();
    } catch (error) {
      first = error;
    }
    expect(first).toEqual(protocolFault());
    expect(script.client.state).toBe('failed');
    expect(() => script.client.receive(53, new WireReader(new Uint8Array(8)))).toThrow(first as Error);
    expect(() => script.client.attempt({ method: 'none' })).toThrow(misuse());
  });
});
