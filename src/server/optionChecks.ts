/**
 * The check of what `createServer` takes.
 *
 * Owns: a rule for each option of a server, and for each callback that lets users in.
 * Must not know: the defaults, how any of them is carried out.
 *
 * Algorithms, limits, timeouts, keep-alive and rekeying have checks of their own;
 * so have bounds that depend on each other.
 */
import {
  anyObject,
  anyText,
  callback,
  checkArgument,
  checkOptions,
  eitherOf,
  flag,
  isObject,
  milliseconds,
  type OptionRule,
  type OptionTable,
  oneOf,
  optionsError,
  port as portRule,
  someText,
  wholeNumber,
} from '../base/optionChecks.ts';
import { duplexStream, keyInputs } from '../endpoint/options/optionRules.ts';
import { serverNames } from '../endpoint/options/otherNames.ts';
import type { Authentication, ServerOptions } from './options.ts';
import { checkSftpOption, sftpRule } from './sftpSubsystem.ts';

const count = wholeNumber(1, Number.POSITIVE_INFINITY);

const notNegative: OptionRule = {
  takes: 'a number of milliseconds, or 0 for none',
  accepts: (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0,
};

const table: OptionTable<ServerOptions> = {
  hostKeys: keyInputs,
  authentication: anyObject,
  exec: callback,
  shell: callback,
  subsystems: {
    takes: 'an object of names and functions',
    accepts: (value) => anyObject.accepts(value) && Object.values(value as object).every(callback.accepts),
  },
  sftp: sftpRule,
  openTcp: callback,
  forwarding: anyObject,
  banner: anyText,
  // It says itself what it takes.
  algorithms: { takes: 'algorithms', accepts: () => true },
  crypto: oneOf('auto', 'openssl', 'noble'),
  loginTimeout: milliseconds,
  failureDelay: notNegative,
  timeouts: anyObject,
  keepAlive: eitherOf('true, false or an object such as { interval: 15_000, maxMissed: 3 }', flag, anyObject),
  rekey: anyObject,
  limits: anyObject,
  keyExchangeBudget: anyObject,
  maxStartups: anyObject,
  maxConnections: count,
  maxSessions: count,
  onError: callback,
  onDebug: callback,
  softwareVersion: anyText,
};

const authenticationTable: OptionTable<Authentication> = {
  required: { takes: "lists of methods, such as [['publickey', 'password']]", accepts: Array.isArray },
  none: callback,
  password: callback,
  changePassword: callback,
  publicKey: callback,
  keyboardInteractive: callback,
};

/** @throws SshError `ERR_SSH_OPTIONS` that names the option, what it takes and what it got */
export function checkServerOptions(given: unknown): void {
  checkOptions(given, { of: 'createServer', table, otherNames: serverNames });
  const { hostKeys, authentication, keyExchangeBudget, maxStartups, sftp, subsystems } =
    given as Partial<ServerOptions>;
  checkArgument('hostKeys', hostKeys, keyInputs);
  if (authentication === undefined) {
    throw optionsError('authentication is missing: nobody could log in');
  }
  checkOptions(authentication, {
    of: 'authentication',
    table: authenticationTable,
    prefix: 'authentication.',
  });
  if (sftp !== undefined) {
    checkSftpOption(sftp);
    if (subsystems !== undefined && Object.hasOwn(subsystems, 'sftp')) {
      throw optionsError('sftp and subsystems.sftp are for the same subsystem: give one of them');
    }
  }
  if (maxStartups !== undefined) {
    const startups = { start: count, full: count };
    checkOptions(maxStartups, { of: 'maxStartups', table: startups, prefix: 'maxStartups.' });
  }
  const { forwarding, openTcp } = given as Partial<ServerOptions>;
  if (forwarding !== undefined) {
    const functions = { local: callback, remote: callback };
    checkOptions(forwarding, { of: 'forwarding', table: functions, prefix: 'forwarding.' });
    if (forwarding.local !== undefined && openTcp !== undefined) {
      throw optionsError(
        'openTcp and forwarding.local exclude each other: both answer for the same connections',
      );
    }
  }
  if (keyExchangeBudget !== undefined) checkBudget(keyExchangeBudget);
}

function checkBudget(given: object): void {
  const rates = { perAddress: anyObject, total: anyObject };
  checkOptions(given, { of: 'keyExchangeBudget', table: rates, prefix: 'keyExchangeBudget.' });
  for (const [name, rate] of Object.entries(given)) {
    if (!isObject(rate)) continue;
    const parts = { burst: milliseconds, perSecond: milliseconds };
    checkOptions(rate, { of: name, table: parts, prefix: `keyExchangeBudget.${name}.` });
  }
}

/** Of `listen`. @throws SshError `ERR_SSH_OPTIONS` */
export function checkListenArguments(port: unknown, host: unknown): void {
  checkArgument('the port of listen', port, {
    takes: 'a whole number from 1 to 65535, or 0 for any free port',
    accepts: (value) => value === 0 || portRule.accepts(value),
  });
  checkArgument('the host of listen', host, someText);
}

/** Of `accept`. @throws SshError `ERR_SSH_OPTIONS` */
export function checkAcceptedStream(stream: unknown): void {
  checkArgument('the stream to serve', stream, duplexStream);
}
