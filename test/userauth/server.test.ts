/** The server's side of RFC 4252 and RFC 4256, one conversation each. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { encodeMessage } from '../../src/message/registry.ts';
import {
  userauthInfoResponse,
  userauthKeyboardInteractiveRequest,
  userauthNoneRequest,
  userauthPasswordChangeRequest,
  userauthPasswordRequest,
  userauthPublickeyQuery,
  userauthPublickeyRequest,
  userauthRequest,
  userauthSuccess,
} from '../../src/message/userauth.ts';
import { publickeySignatureData } from '../../src/userauth/publickey.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { blob, ed25519Key, rsaKey, ServerScript, sessionId, sshError } from './support.ts';

const me = { userName: 'me', serviceName: 'ssh-connection' };
const none = { ...me, methodName: 'none' } as const;
const password = (text: string, head = me) =>
  ({ ...head, methodName: 'password', changesPassword: false, password: text }) as const;
const signature = blob('ssh-ed25519', new Uint8Array(64));
const query = {
  ...me,
  methodName: 'publickey',
  hasSignature: false,
  publicKeyAlgorithm: 'ssh-ed25519',
  publicKey: ed25519Key,
} as const;
const signed = { ...query, hasSignature: true, signature } as const;
const keyboard = { ...me, methodName: 'keyboard-interactive', languageTag: '', submethods: 'pam' } as const;
const prompts = [{ prompt: 'Token: ', echo: false }];

const misuse = (pattern?: RegExp): unknown => sshError('ERR_SSH_OPTIONS', pattern);
const failure = (methods: readonly string[] = ['publickey', 'password'], partialSuccess = false) => ({
  name: 'SSH_MSG_USERAUTH_FAILURE',
  value: { authenticationsThatCanContinue: methods, partialSuccess },
});
const success = { name: 'SSH_MSG_USERAUTH_SUCCESS' };

describe('a request', () => {
  it('becomes a question, and its acceptance SUCCESS', () => {
    const script = new ServerScript();
    script.says(userauthNoneRequest, none);
    expect(script.events()).toEqual([
      {
        type: 'request',
        username: 'me',
        service: 'ssh-connection',
        method: { method: 'none' },
        succeeded: [],
      },
    ]);
    expect(script.sent).toEqual([]);
    script.server.accept();
    expect(script.said()).toMatchObject([success]);
    expect(script.events()).toEqual([
      { type: 'authenticated', username: 'me', service: 'ssh-connection', method: 'none' },
    ]);
    expect(script.server.done).toBe(true);
  });

  it('is answered once', () => {
    const script = new ServerScript();
    expect(() => script.server.accept()).toThrow(misuse(/no authentication request/));
    script.says(userauthNoneRequest, none);
    script.server.reject();
    expect(() => script.server.reject()).toThrow(misuse());
    expect(script.said()).toEqual([expect.objectContaining(failure())]);
  });

  it('for another service is refused unasked (RFC 4252 §5)', () => {
    const script = new ServerScript();
    script.says(userauthPasswordRequest, password('x', { userName: 'me', serviceName: 'ssh-other' }));
    expect(script.events()).toEqual([]);
    expect(script.said()).toMatchObject([failure()]);
  });

  it('of an unknown method is refused unasked', () => {
    const script = new ServerScript();
    script.says(userauthRequest, { ...me, methodName: 'x@y', methodFields: Uint8Array.of(1, 2) });
    expect(script.events()).toEqual([]);
    expect(script.said()).toMatchObject([failure()]);
  });

  it('that is malformed ends the authentication', () => {
    const script = new ServerScript();
    const payload = encodeMessage(userauthPasswordRequest, password('x'));
    expect(() => script.server.receive(50, new WireReader(payload, 1, payload.length - 1))).toThrow(
      sshError('ERR_SSH_DECODE', /SSH_MSG_USERAUTH_REQUEST \(password\)/),
    );
    expect(() => script.says(userauthNoneRequest, none)).toThrow(sshError('ERR_SSH_DECODE'));
    expect(() => script.server.accept()).toThrow(misuse());
  });
});

describe('a request with a flag', () => {
  it.each([
    [0, 'password'],
    [1, 'password change'],
    [255, 'password change'],
  ])('is read by it: %i and nothing behind it is a malformed %s', (flag, kind) => {
    const script = new ServerScript();
    const request = { ...me, methodName: 'password', methodFields: Uint8Array.of(flag) };
    expect(() => script.says(userauthRequest, request)).toThrow(
      sshError('ERR_SSH_DECODE', new RegExp(`\\(${kind}\\)`)),
    );
  });
});

describe('publickey', () => {
  it('that is only asked about is answered with PK_OK, which echoes algorithm and key', () => {
    const script = new ServerScript();
    script.says(userauthPublickeyQuery, query);
    expect(script.events()).toMatchObject([
      { method: { method: 'publickey', algorithm: 'ssh-ed25519', publicKey: ed25519Key, signed: false } },
    ]);
    expect(script.verified).toEqual([]);
    script.server.pkOk();
    expect(script.said()).toMatchObject([
      {
        name: 'SSH_MSG_USERAUTH_PK_OK',
        value: { publicKeyAlgorithm: 'ssh-ed25519', publicKey: ed25519Key },
      },
    ]);
  });

  it('that is only asked about can never let anyone in', () => {
    const script = new ServerScript();
    script.says(userauthPublickeyQuery, query);
    expect(() => script.server.accept()).toThrow(misuse(/proves nothing/));
    expect(() => script.server.reject({ partialSuccess: true })).toThrow(misuse(/proves nothing/));
    expect(script.sent).toEqual([]);
    script.server.reject();
    expect(script.said()).toMatchObject([failure()]);
  });

  it('is verified over session id and request, once the application has said that the key is right', () => {
    const script = new ServerScript({ verify: () => true });
    script.says(userauthPublickeyRequest, signed);
    expect(script.events()).toMatchObject([{ method: { method: 'publickey', signed: true } }]);
    expect(script.verified).toEqual([]);
    expect(script.server.isProven()).toBe(true);
    script.server.accept();
    expect(script.said()).toMatchObject([success]);
    expect(script.verified).toEqual([
      ['ssh-ed25519', ed25519Key, publickeySignatureData(sessionId, signed), signature],
    ]);
  });

  it('is not verified at all where the key is not the user’s', () => {
    const script = new ServerScript({ verify: () => true });
    script.says(userauthPublickeyRequest, signed);
    script.server.reject();
    expect(script.said()).toMatchObject([failure()]);
    expect(script.verified).toEqual([]);
  });

  it.each<readonly [string, () => boolean]>([
    ['is wrong', () => false],
    [
      'cannot be read',
      () => {
        throw new SshError('ERR_SSH_DECODE', 'malformed data: a signature');
      },
    ],
    [
      'makes the verifier fail oddly',
      () => {
        throw new TypeError('odd');
      },
    ],
    ['makes it answer oddly', () => 'yes' as unknown as boolean],
  ])('lets nobody in where its signature %s, nor further', (_how, verify) => {
    const answers = [
      (script: ServerScript) => script.server.accept(),
      (script: ServerScript) => script.server.reject({ partialSuccess: true, methods: ['password'] }),
    ];
    for (const answer of answers) {
      const script = new ServerScript({ verify });
      script.says(userauthPublickeyRequest, signed);
      expect(script.server.isProven()).toBe(false);
      answer(script);
      expect(script.said()).toMatchObject([failure()]);
      script.says(userauthPublickeyQuery, query);
      expect(script.events().at(-1)).toMatchObject({ method: { signed: false }, succeeded: [] });
    }
  });

  it('is refused unasked where the key is none that is taken, asked about or signed with', () => {
    const seen: unknown[] = [];
    const script = new ServerScript({
      takesKey: (...given) => {
        seen.push(given);
        if (seen.length === 2) throw new SshError('ERR_SSH_DECODE', 'malformed public key');
        return false;
      },
    });
    script.says(userauthPublickeyQuery, query);
    script.says(userauthPublickeyRequest, signed);
    expect(seen).toEqual([
      ['ssh-ed25519', ed25519Key],
      ['ssh-ed25519', ed25519Key],
    ]);
    expect(script.events()).toEqual([]);
    expect(script.verified).toEqual([]);
    expect(script.said()).toMatchObject([failure(), failure()]);
  });

  it('is refused unasked when key, algorithm and signature do not agree (RFC 8332 §3)', () => {
    const script = new ServerScript({ verify: () => true });
    script.says(userauthPublickeyQuery, { ...query, publicKey: rsaKey });
    script.says(userauthPublickeyRequest, { ...signed, publicKey: rsaKey });
    script.says(userauthPublickeyRequest, { ...signed, signature: blob('ssh-rsa') });
    script.says(userauthPublickeyRequest, { ...signed, signature: new Uint8Array(0) });
    expect(script.events()).toEqual([]);
    expect(script.verified).toEqual([]);
    expect(script.said()).toMatchObject([failure(), failure(), failure(), failure()]);
  });

  it('takes rsa-sha2 with a key that says ssh-rsa', () => {
    const script = new ServerScript({ verify: () => true });
    script.says(userauthPublickeyRequest, {
      ...signed,
      publicKeyAlgorithm: 'rsa-sha2-512',
      publicKey: rsaKey,
      signature: blob('rsa-sha2-512'),
    });
    expect(script.events()).toMatchObject([{ method: { algorithm: 'rsa-sha2-512', signed: true } }]);
  });
});

describe('password', () => {
  it('can be asked to be changed, and its change comes as a request', () => {
    const script = new ServerScript();
    script.says(userauthPasswordRequest, password('old'));
    expect(script.events()).toMatchObject([
      { method: { method: 'password', password: 'old', newPassword: undefined } },
    ]);
    script.server.passwdChangeReq('expired');
    expect(script.said({ authenticationMethod: 'password' })).toMatchObject([
      { name: 'SSH_MSG_USERAUTH_PASSWD_CHANGEREQ', value: { prompt: 'expired', languageTag: '' } },
    ]);
    script.says(userauthPasswordChangeRequest, {
      ...me,
      methodName: 'password',
      changesPassword: true,
      oldPassword: 'old',
      newPassword: 'new',
    });
    expect(script.events()).toMatchObject([{ method: { password: 'old', newPassword: 'new' } }]);
    script.server.accept();
    expect(script.said()).toMatchObject([success]);
  });

  it('is gone from the machine once the application has it', () => {
    const script = new ServerScript();
    script.says(userauthPasswordRequest, password('hunter2'));
    expect(script.events()).toMatchObject([{ method: { password: 'hunter2' } }]);
    expect(inspect(script.server, { depth: 12, showHidden: true })).not.toContain('hunter2');
  });
});

describe('keyboard-interactive', () => {
  it('asks and gets answers, as often as the application wants', () => {
    const script = new ServerScript();
    script.says(userauthKeyboardInteractiveRequest, keyboard);
    expect(script.events()).toMatchObject([{ method: { submethods: 'pam', responses: undefined } }]);
    script.server.infoRequest({ name: 'PAM', instruction: 'now', prompts });
    expect(script.said({ authenticationMethod: 'keyboard-interactive' })).toMatchObject([
      { value: { name: 'PAM', instruction: 'now', languageTag: '', prompts } },
    ]);
    script.says(userauthInfoResponse, { responses: ['1'] });
    expect(script.events()).toMatchObject([{ method: { submethods: 'pam', responses: ['1'] } }]);
    script.server.infoRequest({ prompts: [] });
    script.says(userauthInfoResponse, { responses: [] });
    expect(script.events()).toMatchObject([{ method: { responses: [] } }]);
    script.server.accept();
    expect(script.server.done).toBe(true);
  });

  it('fails when the number of answers is not that of the prompts (RFC 4256 §3.4)', () => {
    const script = new ServerScript();
    for (const responses of [[], ['a', 'b']]) {
      script.says(userauthKeyboardInteractiveRequest, keyboard);
      script.events();
      script.server.infoRequest({ prompts });
      script.sent.length = 0;
      script.says(userauthInfoResponse, { responses });
      expect(script.events()).toEqual([]);
      expect(script.said()).toMatchObject([failure()]);
    }
  });

  it('is abandoned by a new request, for which no FAILURE is sent (RFC 4252 §5)', () => {
    const script = new ServerScript();
    script.says(userauthKeyboardInteractiveRequest, keyboard);
    script.server.infoRequest({ prompts });
    script.sent.length = 0;
    script.says(userauthPasswordRequest, password('x'));
    expect(script.sent).toEqual([]);
    expect(script.events().at(-1)).toMatchObject({ method: { method: 'password' } });
    expect(() => script.says(userauthInfoResponse, { responses: ['late'] })).toThrow(
      sshError('ERR_SSH_AUTHENTICATION_PROTOCOL', /INFO_RESPONSE/),
    );
  });

  it('takes no more answers once they failed, or once the dialogue was abandoned for a method nobody knows', () => {
    const unknown = { ...me, methodName: 'x@y', methodFields: new Uint8Array(0) };
    const ends = [
      (script: ServerScript) => script.says(userauthInfoResponse, { responses: [] }),
      (script: ServerScript) => script.says(userauthRequest, unknown),
    ];
    for (const end of ends) {
      const script = new ServerScript();
      script.says(userauthKeyboardInteractiveRequest, keyboard);
      script.server.infoRequest({ prompts });
      end(script);
      expect(script.said({ authenticationMethod: 'keyboard-interactive' }).at(-1)).toMatchObject(failure());
      expect(() => script.says(userauthInfoResponse, { responses: ['late'] })).toThrow(
        sshError('ERR_SSH_AUTHENTICATION_PROTOCOL', /INFO_RESPONSE/),
      );
    }
  });

  it('takes no answers that were not asked for', () => {
    const script = new ServerScript();
    expect(() => script.says(userauthInfoResponse, { responses: [] })).toThrow(
      sshError('ERR_SSH_AUTHENTICATION_PROTOCOL'),
    );
  });
});

describe('an answer has to fit its request', () => {
  it('or changes nothing', () => {
    const script = new ServerScript();
    script.says(userauthNoneRequest, none);
    expect(() => script.server.pkOk()).toThrow(misuse(/publickey query/));
    expect(() => script.server.infoRequest({ prompts })).toThrow(misuse(/keyboard-interactive/));
    expect(() => script.server.passwdChangeReq('')).toThrow(misuse(/password/));
    expect(script.sent).toEqual([]);
    script.server.accept();
    expect(script.server.done).toBe(true);
  });
});

describe('several factors (RFC 4252 §5.1)', () => {
  it('add up, and the application says what is left', () => {
    const script = new ServerScript({ verify: () => true });
    script.says(userauthPublickeyRequest, signed);
    script.server.reject({ partialSuccess: true, methods: ['password'] });
    expect(script.said()).toMatchObject([failure(['password'], true)]);
    script.events();
    script.says(userauthPasswordRequest, password('wrong'));
    expect(script.events()).toMatchObject([{ succeeded: ['publickey'] }]);
    script.server.reject();
    expect(script.said()).toMatchObject([failure(['password'])]);
    script.says(userauthPasswordRequest, password('right'));
    expect(script.events()).toMatchObject([{ succeeded: ['publickey'] }]);
    script.server.accept();
    expect(script.said()).toMatchObject([success]);
  });

  it('of one user are nothing to another (RFC 4252 §5)', () => {
    const script = new ServerScript({ verify: () => true });
    script.says(userauthPublickeyRequest, signed);
    script.server.reject({ partialSuccess: true, methods: ['password'] });
    script.events();
    script.said();
    script.says(userauthPasswordRequest, password('x', { ...me, userName: 'root' }));
    expect(script.events()).toMatchObject([{ username: 'root', succeeded: [] }]);
    script.server.reject();
    expect(script.said()).toMatchObject([failure(['publickey', 'password'])]);
    script.says(userauthPasswordRequest, password('x'));
    expect(script.events()).toMatchObject([{ username: 'me', succeeded: [] }]);
  });

  it('name what may follow, and only that is asked about', () => {
    const script = new ServerScript({
      verify: () => true,
      methods: ['publickey', 'password', 'keyboard-interactive'],
    });
    script.says(userauthPublickeyRequest, signed);
    script.server.reject({ partialSuccess: true, methods: ['password'] });
    script.events();
    script.said();
    script.says(userauthNoneRequest, none);
    script.says(userauthPublickeyQuery, query);
    script.says(userauthPublickeyRequest, signed);
    script.says(userauthKeyboardInteractiveRequest, keyboard);
    expect(script.events()).toEqual([]);
    const refused = failure(['password']);
    expect(script.said()).toMatchObject([refused, refused, refused, refused]);
    script.says(userauthPasswordRequest, password('x'));
    expect(script.events()).toMatchObject([{ method: { method: 'password' }, succeeded: ['publickey'] }]);
  });

  it('are no factors where a key was only asked about', () => {
    const script = new ServerScript();
    script.says(userauthPublickeyQuery, query);
    script.events();
    script.server.pkOk();
    script.says(userauthPasswordRequest, password('x'));
    expect(script.events()).toMatchObject([{ method: { method: 'password' }, succeeded: [] }]);
  });

  it('begin with the methods named, where only these are taken', () => {
    const script = new ServerScript({ verify: () => true, methods: ['publickey'], onlyNamed: true });
    script.says(userauthPasswordRequest, password('x'));
    script.says(userauthKeyboardInteractiveRequest, keyboard);
    expect(script.events()).toEqual([]);
    expect(script.said()).toMatchObject([failure(['publickey']), failure(['publickey'])]);
    script.says(userauthNoneRequest, none);
    expect(script.events()).toMatchObject([{ method: { method: 'none' } }]);
    script.server.reject();
    script.says(userauthPublickeyRequest, signed);
    script.server.reject({ partialSuccess: true, methods: ['password'] });
    script.said();
    // Another user begins where everybody does.
    script.says(userauthPasswordRequest, password('x', { ...me, userName: 'root' }));
    expect(script.said()).toMatchObject([failure(['publickey'])]);
  });

  it('may be two keys, and never one key twice', () => {
    const script = new ServerScript({ verify: () => true });
    const other = blob('ssh-ed25519', new Uint8Array(32).fill(8));
    script.says(userauthPublickeyRequest, signed);
    script.server.reject({ partialSuccess: true, methods: ['publickey'] });
    script.events();
    script.said();
    script.says(userauthPublickeyRequest, signed);
    script.says(userauthPublickeyQuery, query);
    expect(script.events()).toEqual([]);
    expect(script.said()).toMatchObject([failure(['publickey']), failure(['publickey'])]);
    script.says(userauthPublickeyRequest, { ...signed, publicKey: other });
    expect(script.events()).toMatchObject([{ method: { publicKey: other }, succeeded: ['publickey'] }]);
    script.server.accept();
    expect(script.said()).toMatchObject([success]);
  });

  it('are lost when the service changes in between, even to one that does not exist', () => {
    const script = new ServerScript({ verify: () => true });
    script.says(userauthPublickeyRequest, signed);
    script.server.reject({ partialSuccess: true });
    script.events();
    script.says(userauthNoneRequest, { ...none, serviceName: 'ssh-other' });
    script.says(userauthPasswordRequest, password('x'));
    expect(script.events()).toMatchObject([{ succeeded: [] }]);
  });
});

describe('requests sent ahead (RFC 4252 §5.1)', () => {
  it('are answered one after the other, in their order', () => {
    const script = new ServerScript();
    script.says(userauthPasswordRequest, password('one'));
    script.says(userauthPasswordRequest, password('two'));
    script.says(userauthRequest, { ...me, methodName: 'x@y', methodFields: new Uint8Array(0) });
    expect(script.events()).toMatchObject([{ method: { password: 'one' } }]);
    script.server.reject();
    expect(script.events()).toMatchObject([{ method: { password: 'two' } }]);
    script.server.reject();
    expect(script.events()).toEqual([]);
    expect(script.said()).toMatchObject([failure(), failure(), failure()]);
  });

  it('are bounded', () => {
    const script = new ServerScript();
    const say = (): void => script.says(userauthNoneRequest, none);
    // One that is being decided on, and eight behind it.
    for (let i = 0; i < 9; i++) say();
    expect(say).toThrow(sshError('ERR_SSH_LIMIT', /more than 8/));
  });

  it('are bounded in bytes as well', () => {
    const script = new ServerScript();
    const say = (): void => script.says(userauthPasswordRequest, password('x'.repeat(30_000)));
    // The one that is being decided on is not ahead.
    for (let i = 0; i < 3; i++) say();
    expect(say).toThrow(sshError('ERR_SSH_LIMIT', /65536 bytes/));
  });

  it('are gone with a fault, and so is what was to be decided', () => {
    const script = new ServerScript();
    script.says(userauthPasswordRequest, password('one'));
    script.says(userauthPasswordRequest, password('hunter2'));
    expect(() => script.says(userauthSuccess, {})).toThrow(sshError('ERR_SSH_AUTHENTICATION_PROTOCOL'));
    expect(script.events()).toEqual([]);
    const held = inspect(script.server, { depth: 12, maxArrayLength: null, compact: 100 });
    expect(held.replace(/\s+/g, ' ')).not.toContain([...Buffer.from('hunter2')].join(', '));
  });

  it('are forgotten when one before them succeeds (§5.3)', () => {
    const script = new ServerScript();
    script.says(userauthPasswordRequest, password('one'));
    script.says(userauthPasswordRequest, password('two'));
    script.server.accept();
    expect(script.events().map((event) => event.type)).toEqual(['request', 'authenticated']);
    expect(script.said()).toMatchObject([success]);
  });

  it('leave nothing of their passwords behind', () => {
    const script = new ServerScript();
    const held = (): string =>
      inspect(script.server, { depth: 12, maxArrayLength: null, breakLength: Number.POSITIVE_INFINITY });
    const bytes = [...Buffer.from('hunter2')].join(', ');
    script.says(userauthPasswordRequest, password('one'));
    script.says(userauthPasswordRequest, password('hunter2'));
    expect(held().replace(/\s+/g, ' ')).toContain(bytes);
    script.server.accept();
    expect(held().replace(/\s+/g, ' ')).not.toContain(bytes);
  });
});

describe('after SUCCESS (RFC 4252 §5.3)', () => {
  it('everything about authentication is ignored in silence', () => {
    const script = new ServerScript();
    script.says(userauthNoneRequest, none);
    script.server.accept();
    script.events();
    script.said();
    script.says(userauthPasswordRequest, password('x'));
    script.says(userauthInfoResponse, { responses: [] });
    script.server.receive(50, new WireReader(new Uint8Array(0)));
    expect(script.sent).toEqual([]);
    expect(script.events()).toEqual([]);
  });

  it('no banner can be sent', () => {
    const script = new ServerScript();
    script.server.banner('hello');
    expect(script.said()).toMatchObject([{ value: { message: 'hello', languageTag: '' } }]);
    script.says(userauthNoneRequest, none);
    script.server.accept();
    expect(() => script.server.banner('late')).toThrow(misuse(/banner/));
  });
});

describe('attempts (RFC 4252 §4)', () => {
  const guess = (script: ServerScript): void => {
    script.says(userauthPasswordRequest, password('guess'));
    script.server.reject();
  };

  it('are six by default, and the seventh request ends the connection unasked', () => {
    const script = new ServerScript();
    for (let i = 0; i < 6; i++) guess(script);
    expect(script.said()).toHaveLength(6);
    script.events();
    expect(() => script.says(userauthPasswordRequest, password('right'))).toThrow(
      sshError('ERR_SSH_LIMIT', /no login after 6 attempts/),
    );
    expect(script.events()).toEqual([]);
    expect(script.sent).toEqual([]);
  });

  it('are counted for all users together', () => {
    const script = new ServerScript({ limits: { authenticationAttempts: 2 } });
    for (const userName of ['one', 'two']) {
      script.says(userauthPasswordRequest, password('x', { ...me, userName }));
      script.server.reject();
    }
    expect(() => script.says(userauthNoneRequest, none)).toThrow(sshError('ERR_SSH_LIMIT'));
  });

  it.each<readonly [string, (script: ServerScript) => void]>([
    ['a password', guess],
    [
      'a signature that does not hold',
      (script) => {
        script.says(userauthPublickeyRequest, signed);
        script.server.accept();
      },
    ],
    [
      'a signature by a key that is not taken',
      (script) => script.says(userauthPublickeyRequest, { ...signed, publicKey: rsaKey }),
    ],
    [
      'answers that are wrong',
      (script) => {
        script.says(userauthKeyboardInteractiveRequest, keyboard);
        script.server.infoRequest({ prompts });
        script.says(userauthInfoResponse, { responses: ['x'] });
        script.server.reject();
      },
    ],
    [
      'too many answers',
      (script) => {
        script.says(userauthKeyboardInteractiveRequest, keyboard);
        script.server.infoRequest({ prompts });
        script.says(userauthInfoResponse, { responses: ['x', 'y'] });
      },
    ],
    [
      'a method nobody knows',
      (script) => script.says(userauthRequest, { ...me, methodName: 'x@y', methodFields: new Uint8Array(0) }),
    ],
  ])('are used up by %s', (_what, attempt) => {
    const script = new ServerScript({ limits: { authenticationAttempts: 2 } });
    attempt(script);
    attempt(script);
    expect(() => script.says(userauthNoneRequest, none)).toThrow(sshError('ERR_SSH_LIMIT', /2 attempts/));
  });

  it('are not used up by questions, nor by what succeeds in part', () => {
    const script = new ServerScript({ limits: { authenticationAttempts: 1 }, verify: () => true });
    for (let i = 0; i < 10; i++) {
      script.says(userauthNoneRequest, none);
      script.server.reject();
      script.says(userauthPublickeyQuery, query);
      script.server.reject();
      script.says(userauthPublickeyQuery, { ...query, publicKey: rsaKey });
    }
    script.says(userauthPublickeyRequest, signed);
    script.server.reject({ partialSuccess: true, methods: ['password'] });
    script.events();
    script.says(userauthPasswordRequest, password('x'));
    expect(script.events()).toMatchObject([{ succeeded: ['publickey'] }]);
  });
});

describe('rounds (RFC 4252 §4)', () => {
  it('end after as many failures as the limit says', () => {
    const script = new ServerScript({ limits: { authenticationRounds: 3 } });
    const guess = (): void => {
      script.says(userauthPasswordRequest, password('guess'));
      script.server.reject();
    };
    for (let i = 0; i < 3; i++) guess();
    expect(script.said()).toHaveLength(3);
    expect(guess).toThrow(sshError('ERR_SSH_LIMIT', /3 rounds/));
    expect(script.sent).toEqual([]);
    expect(guess).toThrow(sshError('ERR_SSH_LIMIT'));
  });

  it('count failures nobody was asked about, keys asked about, and prompts', () => {
    const script = new ServerScript({ limits: { authenticationRounds: 3 } });
    script.says(userauthPublickeyRequest, { ...signed, publicKey: rsaKey });
    script.says(userauthPublickeyQuery, query);
    script.server.pkOk();
    script.says(userauthKeyboardInteractiveRequest, keyboard);
    script.server.infoRequest({ prompts });
    script.says(userauthInfoResponse, { responses: ['x'] });
    expect(() => script.server.reject()).toThrow(sshError('ERR_SSH_LIMIT'));
  });
});

describe('messages of a server', () => {
  it('are refused by a server', () => {
    const script = new ServerScript();
    expect(() => script.says(userauthSuccess, {})).toThrow(sshError('ERR_SSH_AUTHENTICATION_PROTOCOL'));
    expect(script.server.done).toBe(false);
  });
});
