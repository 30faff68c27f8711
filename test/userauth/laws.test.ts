/** Laws of the client machine that hold whatever a server sends and whatever the driver answers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { blobTypeOf, signatureNameOf } from '../../src/crypto/specialAlgorithms.ts';
import { encodeMessage } from '../../src/message/registry.ts';
import {
  userauthBanner,
  userauthFailure,
  userauthInfoRequest,
  userauthInfoResponse,
  userauthKeyboardInteractiveRequest,
  userauthNoneRequest,
  userauthPasswdChangeReq,
  userauthPasswordRequest,
  userauthPkOk,
  userauthPublickeyQuery,
  userauthPublickeyRequest,
  userauthSuccess,
} from '../../src/message/userauth.ts';
import type { UserauthAttempt, UserauthQuestion } from '../../src/userauth/client.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { blob, ClientScript, ed25519Key, ServerScript } from './support.ts';

const head = { userName: 'me', serviceName: 'ssh-connection' };
const key = { publicKeyAlgorithm: 'ssh-ed25519', publicKey: ed25519Key };
const prompts = fc.array(fc.record({ prompt: fc.string({ maxLength: 5 }), echo: fc.boolean() }), {
  maxLength: 3,
});

/** Payloads a server might send, rightly or not, and noise. */
const serverPayloads: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(encodeMessage(userauthSuccess, {})) },
  {
    weight: 4,
    arbitrary: fc
      .boolean()
      .map((partialSuccess) =>
        encodeMessage(userauthFailure, { authenticationsThatCanContinue: ['password'], partialSuccess }),
      ),
  },
  { weight: 2, arbitrary: fc.constant(encodeMessage(userauthBanner, { message: 'hi', languageTag: '' })) },
  { weight: 4, arbitrary: fc.constant(encodeMessage(userauthPkOk, key)) },
  {
    weight: 4,
    arbitrary: fc.constant(encodeMessage(userauthPasswdChangeReq, { prompt: '', languageTag: '' })),
  },
  {
    weight: 4,
    arbitrary: prompts.map((asked) =>
      encodeMessage(userauthInfoRequest, { name: '', instruction: '', languageTag: '', prompts: asked }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 50, max: 79 }), fc.uint8Array({ maxLength: 20 }))
      .map(([number, rest]) => Uint8Array.of(number, ...rest)),
  },
);

const attempts: fc.Arbitrary<UserauthAttempt> = fc.constantFrom(
  { method: 'none' },
  { method: 'publickey', algorithm: 'ssh-ed25519', publicKey: ed25519Key, probe: true },
  { method: 'publickey', algorithm: 'ssh-ed25519', publicKey: ed25519Key, probe: false },
  { method: 'password', password: 'x' },
  { method: 'keyboard-interactive', submethods: '' },
);

/** What a well-behaved server says to a request of this kind, by the state of the client. */
const fitting: Readonly<Record<string, readonly Uint8Array[]>> = (() => {
  const failure = encodeMessage(userauthFailure, {
    authenticationsThatCanContinue: ['password'],
    partialSuccess: false,
  });
  const success = encodeMessage(userauthSuccess, {});
  const change = encodeMessage(userauthPasswdChangeReq, { prompt: '', languageTag: '' });
  const ask = (asked: readonly { prompt: string; echo: boolean }[]): Uint8Array =>
    encodeMessage(userauthInfoRequest, { name: '', instruction: '', languageTag: '', prompts: asked });
  return {
    noneSent: [failure, success],
    publickeyQuerySent: [failure, encodeMessage(userauthPkOk, key)],
    publickeySent: [failure, success],
    passwordSent: [failure, success, change],
    passwordChangeSent: [failure, success, change],
    keyboardInteractiveSent: [failure, success, ask([]), ask([{ prompt: '?', echo: true }])],
  };
})();
const banner = encodeMessage(userauthBanner, { message: '', languageTag: '' });

/** The payload of a server's move: a fitting one, unless the conversation says otherwise. */
function payloadOf(move: Move & { who: 'server' }, state: string): Uint8Array {
  if (move.payload !== undefined) return move.payload;
  const choices = fitting[state] ?? [banner];
  return choices[move.choice % choices.length] ?? banner;
}

/** One event of a conversation: the server speaks, or the driver answers what it was asked last. */
type Move =
  | { readonly who: 'server'; readonly payload: Uint8Array | undefined; readonly choice: number }
  | { readonly who: 'driver'; readonly attempt: UserauthAttempt; readonly gladly: boolean };
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    { weight: 1, arbitrary: serverPayloads.map((payload): Move => ({ who: 'server', payload, choice: 0 })) },
    {
      weight: 10,
      arbitrary: fc.nat({ max: 11 }).map((choice): Move => ({ who: 'server', payload: undefined, choice })),
    },
    {
      weight: 10,
      arbitrary: fc
        .record({ attempt: attempts, gladly: fc.boolean() })
        .map((answer): Move => ({ who: 'driver', ...answer })),
    },
  ),
  { minLength: 10, maxLength: 40 },
);

function answer(script: ClientScript, question: UserauthQuestion, move: Move & { who: 'driver' }): void {
  const { client } = script;
  switch (question.type) {
    case 'methodWanted':
      return client.attempt(move.attempt);
    case 'signatureWanted':
      return move.gladly ? client.sign(blob('ssh-ed25519')) : client.signatureFailed();
    case 'passwordChangeWanted':
      return move.gladly ? client.changePassword('a', 'b') : client.refusePasswordChange();
    case 'promptsWanted':
      return move.gladly ? client.answerPrompts(question.prompts.map(() => 'a')) : client.refusePrompts();
    default:
      return undefined;
  }
}

describe('the client, whatever happens', () => {
  it('throws nothing but SshError, keeps to its rounds, and is in only after a request that could let it in', () => {
    let conversationsThatSucceeded = 0;
    const rounds = 6;
    fc.assert(
      fc.property(moves, (conversation) => {
        const script = ClientScript.started({ limits: { authenticationRounds: rounds } });
        let open: UserauthQuestion | undefined = {
          type: 'methodWanted',
          methodsThatCanContinue: [],
          partialSuccess: false,
          failed: undefined,
        };
        let fault: unknown;
        for (const move of conversation) {
          const before = script.client.state;
          const unanswered = script.waits.length > 0 && script.waits.at(-1) !== 'answered';
          try {
            if (move.who === 'server') {
              const payload = payloadOf(move, before);
              script.client.receive(payload[0] as number, new WireReader(payload, 1));
              expect(fault).toBeUndefined();
            } else if (open !== undefined) {
              answer(script, open, move);
              open = undefined;
            }
          } catch (error) {
            expect(error).toBeInstanceOf(SshError);
            if (fault !== undefined && move.who === 'server') expect(error).toBe(fault);
            if (move.who === 'server') fault = error;
          }
          if (script.client.done && before !== 'done') {
            conversationsThatSucceeded++;
            expect(unanswered).toBe(true);
            expect(before).toMatch(/^(none|publickey|password|passwordChange|keyboardInteractive)Sent$/);
          }
          for (const event of script.events()) {
            if (event.type !== 'banner' && event.type !== 'authenticated') open = event;
            expect(event.type === 'authenticated').toBe(script.client.done && event.type !== 'banner');
          }
          // An answer is told of only when one was waited for, and requests do not pile up.
          for (let i = 1; i < script.waits.length; i++) {
            expect(script.waits[i] === 'answered').not.toBe(script.waits[i - 1] === 'answered');
          }
        }
        expect(script.sent.length).toBeLessThanOrEqual(rounds);
      }),
      { numRuns: 1500 },
    );
    // The conversations are not all nonsense: many get through.
    expect(conversationsThatSucceeded).toBeGreaterThan(200);
  });
});

/** Payloads a client might send, rightly or not, and noise. */
const clientPayloads: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.constant(encodeMessage(userauthNoneRequest, { ...head, methodName: 'none' })),
  fc.constant(
    encodeMessage(userauthPublickeyQuery, { ...head, ...key, methodName: 'publickey', hasSignature: false }),
  ),
  fc.constantFrom('ssh-ed25519', 'ssh-rsa').map((type) =>
    encodeMessage(userauthPublickeyRequest, {
      ...head,
      ...key,
      methodName: 'publickey',
      hasSignature: true,
      signature: blob(type),
    }),
  ),
  fc.constant(
    encodeMessage(userauthPasswordRequest, {
      ...head,
      methodName: 'password',
      changesPassword: false,
      password: 'x',
    }),
  ),
  fc.constant(
    encodeMessage(userauthKeyboardInteractiveRequest, {
      ...head,
      methodName: 'keyboard-interactive',
      languageTag: '',
      submethods: '',
    }),
  ),
  fc
    .array(fc.string({ maxLength: 4 }), { maxLength: 2 })
    .map((responses) => encodeMessage(userauthInfoResponse, { responses })),
  fc
    .tuple(fc.integer({ min: 50, max: 79 }), fc.uint8Array({ maxLength: 20 }))
    .map(([number, rest]) => Uint8Array.of(number, ...rest)),
);

describe('the server, whatever happens', () => {
  it('throws nothing but SshError, and says SUCCESS only where the application accepted', () => {
    const steps = fc.array(
      fc.oneof(
        clientPayloads.map((payload) => ({ payload })),
        fc.constantFrom('accept', 'reject', 'partial', 'pkOk', 'infoRequest', 'passwdChangeReq'),
      ),
      { minLength: 10, maxLength: 40 },
    );
    let accepted = 0;
    fc.assert(
      fc.property(steps, fc.boolean(), (conversation, valid) => {
        const rounds = 6;
        const script = new ServerScript({ limits: { authenticationRounds: rounds }, verify: () => valid });
        const { server } = script;
        const calls = {
          accept: () => server.accept(),
          reject: () => server.reject(),
          partial: () => server.reject({ partialSuccess: true }),
          pkOk: () => server.pkOk(),
          infoRequest: () => server.infoRequest({ prompts: [{ prompt: '?', echo: true }] }),
          passwdChangeReq: () => server.passwdChangeReq('?'),
        };
        for (const step of conversation) {
          const wasDone = server.done;
          try {
            if (typeof step === 'string') calls[step as keyof typeof calls]();
            else server.receive(step.payload[0] as number, new WireReader(step.payload, 1));
          } catch (error) {
            expect(error).toBeInstanceOf(SshError);
          }
          if (server.done && !wasDone) expect(step).toBe('accept');
          for (const event of script.events()) {
            if (event.type === 'authenticated' && event.method === 'publickey') expect(valid).toBe(true);
          }
        }
        const successes = script.sent.filter((payload) => payload[0] === userauthSuccess.number);
        expect(successes.length).toBe(server.done ? 1 : 0);
        expect(script.sent.length).toBeLessThanOrEqual(rounds + 1);
        if (server.done) {
          accepted++;
          expect(script.sent.at(-1)).toEqual(successes[0]);
        }
      }),
      { numRuns: 1000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });
});

describe('names of algorithms, keys and signatures (RFC 8332 §3)', () => {
  const table = [
    ['ssh-ed25519', 'ssh-ed25519', 'ssh-ed25519'],
    ['rsa-sha2-256', 'ssh-rsa', 'rsa-sha2-256'],
    ['rsa-sha2-512', 'ssh-rsa', 'rsa-sha2-512'],
    ['rsa-sha2-512-cert-v01@openssh.com', 'ssh-rsa-cert-v01@openssh.com', 'rsa-sha2-512'],
    ['ssh-ed25519-cert-v01@openssh.com', 'ssh-ed25519-cert-v01@openssh.com', 'ssh-ed25519'],
    ['sk-ssh-ed25519@openssh.com', 'sk-ssh-ed25519@openssh.com', 'sk-ssh-ed25519@openssh.com'],
    [
      'sk-ssh-ed25519-cert-v01@openssh.com',
      'sk-ssh-ed25519-cert-v01@openssh.com',
      'sk-ssh-ed25519@openssh.com',
    ],
  ] as const;
  it.each(table)('%s goes with keys of type %s and signatures of %s', (algorithm, type, signature) => {
    expect(blobTypeOf(algorithm)).toBe(type);
    expect(signatureNameOf(algorithm)).toBe(signature);
  });
});
