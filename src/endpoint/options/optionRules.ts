/**
 * What the options of a connection take.
 *
 * Owns: the rules of those options that more than a type is to be said about.
 * Must not know: which call has which, the defaults.
 *
 * What holds a secret, or may in the wrong place, is named by its type alone.
 */
import {
  anyObject,
  anyText,
  bytesOnly,
  callback,
  eitherOf,
  flag,
  isObject,
  type OptionRule,
  secretly,
  someText,
} from '../../base/optionChecks.ts';
import { blobTypeOf } from '../../crypto/specialAlgorithms.ts';

/** A parsed key, certificate, or file of a key. */
const parsed: OptionRule = {
  takes: 'a parsed one',
  accepts: (value) => isObject(value) && (typeof value['type'] === 'string' || isObject(value['privateKey'])),
};

export const keyInput: OptionRule = secretly(
  eitherOf('the text or bytes of a private key file, or a parsed key', someText, bytesOnly, parsed),
);

/** The reader of the file tells that it is empty. */
export const keyInputs: OptionRule = secretly({
  takes: `${keyInput.takes}, or a list of these`,
  accepts: (value) => listOrOne(value, (one) => typeof one === 'string' || keyInput.accepts(one)),
});

export const certificate: OptionRule = secretly(
  eitherOf('the text or bytes of a certificate, or a parsed one', anyText, bytesOnly, parsed),
);

export const certificates: OptionRule = secretly({
  takes: `${certificate.takes}, or a list of these`,
  accepts: (value) => listOrOne(value, certificate.accepts),
});

export const passphrase: OptionRule = secretly(
  eitherOf('a string, bytes, or a function', anyText, bytesOnly, callback),
);

export const password: OptionRule = secretly(
  eitherOf('a string, or a function that gives one', anyText, callback),
);

export const agentPath: OptionRule = eitherOf(
  "the path of its socket, true for the user's own, or false",
  someText,
  flag,
);

export const verifier: OptionRule = {
  takes: 'a function, or a policy such as knownHosts() makes',
  accepts: (value) => callback.accepts(value) || hasMethod(value, 'verify'),
};

/** Whether a value is a client, as `connect` gives it: known by what a hop is used for, since this folder knows no client. */
export function isClient(value: unknown): boolean {
  return hasMethod(value, 'openPort');
}

const hop = eitherOf(
  "a client, a host such as 'user@host:22', or the options of a connection",
  someText,
  anyObject,
  { takes: 'a client', accepts: isClient },
);

export const hops: OptionRule = secretly({
  takes: `${hop.takes}, or a list of these`,
  accepts: (value) => listOrOne(value, hop.accepts),
});

export const duplexStream: OptionRule = {
  takes: 'a duplex stream',
  accepts: (value) => ['on', 'write', 'destroy'].every((name) => hasMethod(value, name)),
};

export const publicKeys: OptionRule = {
  takes: 'a list of public keys',
  accepts: (value) => Array.isArray(value) && value.every(isObject),
};

/** Names of signature algorithms, those of certificates among them. */
export const signatureNames: OptionRule = {
  takes: "a list of signature algorithms such as 'ssh-ed25519'",
  accepts: (value) =>
    Array.isArray(value) && value.every((name) => typeof name === 'string' && blobTypeOf(name) !== undefined),
};

function listOrOne(value: unknown, accepts: (one: unknown) => boolean): boolean {
  return Array.isArray(value) ? value.every(accepts) : accepts(value);
}

function hasMethod(value: unknown, name: string): boolean {
  return isObject(value) && typeof value[name] === 'function';
}
