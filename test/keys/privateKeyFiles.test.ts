import { describe, expect, it } from 'vitest';
import { parsePrivateKey, parsePrivateKeyInSteps } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { describePrivateKey } from '../../src/keys/privateKey/privateKeyFile.ts';
import { parsePublicKey } from '../../src/keys/publicKeyFile.ts';
import { failure } from './failure.ts';
import { fixture, fixtureBytes, keyFolders, passphrase, privateFiles } from './fixtures.ts';

/** Formats that carry a comment. */
const withComment = /\/(openssh|putty)/;

for (const folder of keyFolders) {
  describe(`private keys in ${folder}`, () => {
    const declared = parsePublicKey(fixture(`${folder}/id.pub`));
    const reference = parsePrivateKey(
      fixture(privateFiles(folder).find((path) => !path.includes('.enc')) ?? ''),
    );

    for (const path of privateFiles(folder)) {
      const encrypted = path.includes('.enc');
      const file = fixtureBytes(path);

      it(`${path} is read`, () => {
        const key = parsePrivateKey(file, { passphrase });
        expect(key.publicKey).toEqual(declared.publicKey);
        expect(key.privateKey).toEqual(reference.privateKey);
        expect(key.comment).toBe(withComment.test(path) ? declared.comment : '');
      });

      it(`${path} says without a passphrase what it is`, () => {
        const description = describePrivateKey(file);
        expect(description.encrypted).toBe(encrypted);
        if (withComment.test(path)) expect(description.publicKey).toEqual(declared.publicKey);
      });

      if (!encrypted) {
        it(`${path} is read whatever passphrase is given`, () => {
          expect(parsePrivateKey(file, { passphrase: 'no matter' }).privateKey).toEqual(reference.privateKey);
        });
        continue;
      }

      it(`${path} tells a missing passphrase from a wrong one`, () => {
        const missing = failure(() => parsePrivateKey(file));
        expect(missing).toMatchObject({ code: 'ERR_SSH_KEY_PASSPHRASE', phase: 'options', origin: 'user' });
        expect(missing.message).toMatch(/no passphrase was given/);
        const wrong = failure(() => parsePrivateKey(file, { passphrase: 'wrong' }));
        expect(wrong).toMatchObject({ code: 'ERR_SSH_KEY_PASSPHRASE', phase: 'options', origin: 'user' });
        expect(wrong.message).toMatch(/is wrong/);
      });
    }
  });
}

describe('private key files as text', () => {
  const text = fixture('ed25519/openssh');
  const key = parsePrivateKey(text).privateKey;

  it('are the same with CR LF, CR, a byte order mark, blank lines before and white space behind lines', () => {
    for (const changed of [
      text.replaceAll('\n', '\r\n'),
      text.replaceAll('\n', '\r'),
      `\ufeff${text}`,
      `\n\n${text}\n\n`,
      text.replaceAll('\n', '  \n'),
      text.trimEnd(),
    ]) {
      expect(parsePrivateKey(changed).privateKey).toEqual(key);
    }
  });

  it('may be a PuTTY file with CR LF', () => {
    const putty = fixture('ed25519/putty-3.enc.ppk').replace(/\r?\n/g, '\r\n');
    expect(parsePrivateKey(putty, { passphrase }).privateKey).toEqual(key);
  });

  it('take a passphrase as bytes, and leave it as it is', () => {
    const bytes = new TextEncoder().encode(passphrase);
    const file = fixture('ed25519/openssh-aes256-ctr.enc');
    expect(parsePrivateKey(file, { passphrase: bytes }).privateKey).toEqual(key);
    expect(new TextDecoder().decode(bytes)).toBe(passphrase);
  });
});

describe('parsePrivateKeyInSteps', () => {
  it('stops four times in each hash of bcrypt: two blocks of sixteen rounds', () => {
    const steps = parsePrivateKeyInSteps(fixture('ed25519/openssh-16-rounds.enc'), { passphrase });
    let count = 0;
    let step = steps.next();
    while (step.done !== true) {
      count++;
      step = steps.next();
    }
    expect(count).toBe(4 * 2 * 16);
    expect(step.value.privateKey).toEqual(parsePrivateKey(fixture('ed25519/openssh')).privateKey);
  });

  it('stops now and then in PBKDF2', () => {
    const steps = parsePrivateKeyInSteps(fixture('rsa/pkcs8-hmacWithSHA256.enc.pem'), { passphrase });
    expect(steps.next().done).toBe(false);
  });
});
