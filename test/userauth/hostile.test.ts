/** What hostile servers do during authentication, and how it ends. The numbers are those of the threat list. */
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import {
  userauthBanner,
  userauthInfoRequest,
  userauthPasswdChangeReq,
  userauthPkOk,
} from '../../src/message/userauth.ts';
import type { UserauthAttempt } from '../../src/userauth/client.ts';
import { publickeyAlgorithmsFor } from '../../src/userauth/signatureAlgorithms.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { hexBytes, lengthAnd } from '../message/support.ts';
import { blob, ClientScript, ed25519Key, sshError } from './support.ts';

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

describe('31: prompts and rounds without end', () => {
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

describe('32: FAILURE for ever', () => {
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

describe('33: SUCCESS without a method having been tried (CVE-2021-36369)', () => {
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

describe('34: message 60 that nobody asked for', () => {
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

describe('35: texts of a server', () => {
  it('come through unchanged, for the presenter to escape, and within the limit', () => {
    const script = ClientScript.started();
    const message = '\u001b]0;owned\u0007\u202e';
    script.says(userauthBanner, { message, languageTag: '' });
    expect(script.events()).toEqual([{ type: 'banner', message, languageTag: '' }]);
    const flood = (): void => {
      for (let i = 0; i < 100_000; i++) script.says(userauthBanner, { message: '', languageTag: '' });
    };
    expect(flood).toThrow(sshError('ERR_SSH_LIMIT', /banners/));
    expect(script.events().length).toBeLessThanOrEqual(defaultLimits.bannerBytes / 8);
  });

  it('never reach an error message raw: a name with an escape sequence is no name', () => {
    const script = waiting('query');
    const fields = hexBytes(lengthAnd('\u001b[2J'), lengthAnd('k'));
    expect(() => script.client.receive(60, new WireReader(fields))).toThrow(
      sshError('ERR_SSH_DECODE', /^[\x20-\x7e]+$/),
    );
  });
});

describe('36: server-sig-algs (RFC 8308 §3.1)', () => {
  it('tries rsa-sha2 when told nothing', () => {
    expect(publickeyAlgorithmsFor('ssh-rsa', undefined)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
  });

  it('never falls to SHA-1 when rsa-sha2 is not among them', () => {
    expect(publickeyAlgorithmsFor('ssh-rsa', ['ssh-rsa', 'ssh-ed25519'])).toEqual([]);
    expect(publickeyAlgorithmsFor('ssh-rsa', [])).toEqual([]);
  });

  it('takes those the server takes', () => {
    expect(publickeyAlgorithmsFor('ssh-rsa', ['rsa-sha2-256', 'ssh-rsa'])).toEqual(['rsa-sha2-256']);
    expect(publickeyAlgorithmsFor('ssh-rsa', ['rsa-sha2-256', 'rsa-sha2-512'])).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
    ]);
  });

  it('holds for certificates, which servers list by the plain name', () => {
    expect(publickeyAlgorithmsFor('ssh-rsa-cert-v01@openssh.com', ['rsa-sha2-512'])).toEqual([
      'rsa-sha2-512-cert-v01@openssh.com',
    ]);
  });

  it('says nothing against keys with one algorithm', () => {
    expect(publickeyAlgorithmsFor('ssh-ed25519', ['rsa-sha2-512'])).toEqual(['ssh-ed25519']);
    expect(publickeyAlgorithmsFor('ecdsa-sha2-nistp256', undefined)).toEqual(['ecdsa-sha2-nistp256']);
  });
});
