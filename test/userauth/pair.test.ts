/** Client against server over a pipe in memory, each method with real signatures where there are any. */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveLimits } from '../../src/base/limits.ts';
import { encodeMessage } from '../../src/message/registry.ts';
import { type UserauthAttempt, UserauthClient, type UserauthQuestion } from '../../src/userauth/client.ts';
import {
  UserauthServer,
  type UserauthServerEvent,
  type UserauthServerMethod,
} from '../../src/userauth/server.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { blob, sessionId } from './support.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const rawPoint = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
const keyBlob = blob('ssh-ed25519', new Uint8Array(rawPoint));
const signBlob = (data: Uint8Array): Uint8Array =>
  blob('ssh-ed25519', new Uint8Array(sign(null, data, privateKey)));

type Request = Extract<UserauthServerEvent, { type: 'request' }>;
type Answer = (question: UserauthQuestion, client: UserauthClient) => void;
type Decision = (request: Request, server: UserauthServer) => void;

/** Carries messages to and fro until neither side has anything to say. */
class Pair {
  readonly client: UserauthClient;
  readonly server: UserauthServer;
  readonly questions: UserauthQuestion[] = [];
  readonly requests: Request[] = [];
  authenticated: UserauthServerEvent | undefined;
  private readonly toServer: Uint8Array[] = [];
  private readonly toClient: Uint8Array[] = [];
  private readonly answer: Answer;
  private readonly decide: Decision;

  constructor(answer: Answer, decide: Decision, clientSession: Uint8Array = sessionId) {
    const limits = resolveLimits({ authenticationAttempts: 64 });
    this.answer = answer;
    this.decide = decide;
    this.client = new UserauthClient({
      username: 'mü',
      sessionId: clientSession,
      limits,
      sink: {
        send: (message, value) => void this.toServer.push(encodeMessage(message, value)),
        requestSent: () => undefined,
        answered: () => undefined,
      },
    });
    this.server = new UserauthServer({
      sessionId,
      methods: ['publickey', 'password', 'keyboard-interactive'],
      limits,
      takesKey: () => true,
      verify: (_algorithm, _key, data, signature) => {
        const reader = new WireReader(signature);
        reader.name();
        return verify(null, data, publicKey, reader.copyString());
      },
      sink: { send: (message, value) => void this.toClient.push(encodeMessage(message, value)) },
    });
  }

  run(): this {
    this.client.start();
    while (this.step());
    return this;
  }

  private step(): boolean {
    const question = this.client.nextEvent();
    if (question !== undefined) {
      this.questions.push(question);
      this.answer(question, this.client);
      return true;
    }
    const event = this.server.nextEvent();
    if (event !== undefined) {
      if (event.type === 'authenticated') this.authenticated = event;
      else {
        this.requests.push(event);
        this.decide(event, this.server);
      }
      return true;
    }
    const up = this.toServer.shift();
    if (up !== undefined) {
      this.server.receive(up[0] as number, new WireReader(up, 1));
      return true;
    }
    const down = this.toClient.shift();
    if (down === undefined) return false;
    this.client.receive(down[0] as number, new WireReader(down, 1));
    return true;
  }
}

/** Tries these in order and then no more; signs what it is asked to sign. */
function trying(attempts: readonly UserauthAttempt[], others: Answer = () => undefined): Answer {
  const left = [...attempts];
  return (question, client) => {
    if (question.type === 'signatureWanted') return client.sign(signBlob(question.data));
    if (question.type !== 'methodWanted') return others(question, client);
    const next = left.shift();
    if (next !== undefined) client.attempt(next);
  };
}

const withKey = (probe: boolean): UserauthAttempt => ({
  method: 'publickey',
  algorithm: 'ssh-ed25519',
  publicKey: keyBlob,
  probe,
});
const acceptKey: Decision = ({ method }, server) => {
  if (method.method !== 'publickey') return server.reject();
  if (method.signed) server.accept();
  else server.pkOk();
};
const methodsOf = (requests: readonly Request[]): UserauthServerMethod[] =>
  requests.map((request) => request.method);

function expectIn(pair: Pair, method: string): void {
  expect(pair.client.done).toBe(true);
  expect(pair.server.done).toBe(true);
  expect(pair.questions.at(-1)).toEqual({ type: 'authenticated', method });
  expect(pair.authenticated).toEqual({
    type: 'authenticated',
    username: 'mü',
    service: 'ssh-connection',
    method,
  });
}

describe('client and server', () => {
  it('agree on none', () => {
    expectIn(new Pair(trying([{ method: 'none' }]), (_request, server) => server.accept()).run(), 'none');
  });

  it('agree on a key, signed at once', () => {
    const pair = new Pair(trying([withKey(false)]), acceptKey).run();
    expectIn(pair, 'publickey');
    expect(methodsOf(pair.requests)).toMatchObject([{ signed: true }]);
  });

  it('agree on a key, asked about first', () => {
    const pair = new Pair(trying([withKey(true)]), acceptKey).run();
    expectIn(pair, 'publickey');
    expect(methodsOf(pair.requests)).toMatchObject([{ signed: false }, { signed: true }]);
  });

  it('do not agree on a signature made in another session', () => {
    const pair = new Pair(trying([withKey(false)]), acceptKey, new Uint8Array(32)).run();
    expect(pair.client.done).toBe(false);
    expect(methodsOf(pair.requests)).toMatchObject([{ signed: true }]);
    expect(pair.questions.at(-1)).toMatchObject({ type: 'methodWanted', failed: 'publickey' });
  });

  it('agree on a password after a wrong one', () => {
    const pair = new Pair(
      trying([
        { method: 'password', password: 'wrong' },
        { method: 'password', password: 'richtig: ß' },
      ]),
      ({ method }, server) => {
        if (method.method === 'password' && method.password === 'richtig: ß') server.accept();
        else server.reject();
      },
    ).run();
    expectIn(pair, 'password');
  });

  it('agree on a changed password', () => {
    const pair = new Pair(
      trying([{ method: 'password', password: 'old' }], (question, client) => {
        if (question.type === 'passwordChangeWanted') client.changePassword('old', 'new');
      }),
      ({ method }, server) => {
        if (method.method !== 'password') server.reject();
        else if (method.newPassword === undefined) server.passwdChangeReq('expired');
        else server.accept();
      },
    ).run();
    expectIn(pair, 'password');
    expect(methodsOf(pair.requests).at(-1)).toMatchObject({ password: 'old', newPassword: 'new' });
  });

  it('agree on keyboard-interactive over several rounds, one of them without a prompt', () => {
    const rounds = [['Password: '], [], ['Token: ', 'Again: ']];
    const given: (readonly string[])[] = [];
    const pair = new Pair(
      trying([{ method: 'keyboard-interactive', submethods: '' }], (question, client) => {
        if (question.type === 'promptsWanted') {
          client.answerPrompts(question.prompts.map(({ prompt }) => `to ${prompt}`));
        }
      }),
      ({ method }, server) => {
        if (method.method !== 'keyboard-interactive') return server.reject();
        if (method.responses !== undefined) given.push(method.responses);
        const next = rounds[given.length];
        if (next === undefined) return server.accept();
        server.infoRequest({ prompts: next.map((prompt) => ({ prompt, echo: false })) });
      },
    ).run();
    expectIn(pair, 'keyboard-interactive');
    expect(given).toEqual([['to Password: '], [], ['to Token: ', 'to Again: ']]);
  });

  it('agree on key and then password, where one is not enough', () => {
    const pair = new Pair(
      trying([{ method: 'none' }, withKey(true), { method: 'password', password: 'x' }]),
      (request, server) => {
        const { method, succeeded } = request;
        if (method.method === 'publickey' && !method.signed) server.pkOk();
        else if (method.method === 'publickey')
          server.reject({ partialSuccess: true, methods: ['password'] });
        else if (method.method === 'password' && succeeded.includes('publickey')) server.accept();
        else server.reject();
      },
    ).run();
    expectIn(pair, 'password');
    expect(pair.questions.filter(({ type }) => type === 'methodWanted')).toMatchObject([
      { methodsThatCanContinue: [] },
      { methodsThatCanContinue: ['publickey', 'password', 'keyboard-interactive'], failed: 'none' },
      { methodsThatCanContinue: ['password'], partialSuccess: true, failed: undefined },
    ]);
  });

  it('agree on banners at any time', () => {
    const pair = new Pair(trying([withKey(true)]), (request, server) => {
      server.banner('Guten Tag\n');
      acceptKey(request, server);
    }).run();
    expectIn(pair, 'publickey');
    expect(pair.questions.filter(({ type }) => type === 'banner')).toHaveLength(2);
  });

  it('leave a dialogue that the user gives up, and go on with another method', () => {
    const pair = new Pair(
      trying(
        [
          { method: 'keyboard-interactive', submethods: '' },
          { method: 'password', password: 'x' },
        ],
        (question, client) => {
          if (question.type === 'promptsWanted') client.refusePrompts();
        },
      ),
      ({ method }, server) => {
        if (method.method === 'password') server.accept();
        else server.infoRequest({ prompts: [{ prompt: '?', echo: true }] });
      },
    ).run();
    expectIn(pair, 'password');
  });

  it('never disagree on who is in, whatever the server decides', () => {
    const decisions = fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 60 });
    const choices = fc.array(
      fc.constantFrom<UserauthAttempt>(
        { method: 'none' },
        withKey(true),
        withKey(false),
        { method: 'password', password: 'x' },
        { method: 'keyboard-interactive', submethods: '' },
      ),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(decisions, choices, (decided, attempts) => {
        let at = 0;
        const decide: Decision = ({ method }, server) => {
          const which = decided[at++ % decided.length] as number;
          const query = method.method === 'publickey' && !method.signed;
          if (which === 0 && !query) return server.accept();
          if (which === 1 && !query) return server.reject({ partialSuccess: true });
          if (which >= 2 && query) return server.pkOk();
          if (which >= 3 && method.method === 'keyboard-interactive' && at < 40) {
            return server.infoRequest({ prompts: [{ prompt: '?', echo: true }] });
          }
          if (which >= 3 && method.method === 'password' && method.newPassword === undefined) {
            return server.passwdChangeReq('?');
          }
          server.reject();
        };
        const pair = new Pair(
          trying(attempts, (question, client) => {
            if (question.type === 'promptsWanted') client.answerPrompts(question.prompts.map(() => 'a'));
            if (question.type === 'passwordChangeWanted') client.changePassword('a', 'b');
          }),
          decide,
        ).run();
        expect(pair.client.done).toBe(pair.server.done);
        expect(pair.authenticated !== undefined).toBe(pair.client.done);
        if (pair.client.done) {
          expect(pair.questions.at(-1)).toMatchObject({
            type: 'authenticated',
            method: pair.requests.at(-1)?.method.method,
          });
        }
      }),
      { numRuns: 60 },
    );
  });
});
