/**
 * From the name of a host to options for `connect`.
 *
 * Owns: the options of `resolveHost`, their defaults and checks; that hosts to
 * jump over are resolved as well, and lead in no circle.
 * Must not know: how a configuration is read, how an option is carried out.
 */

import { quotedText } from '../base/bytes.ts';
import {
  abortSignal,
  anyText,
  checkArgument,
  checkOptions,
  flag,
  isObject,
  milliseconds,
  type OptionTable,
  optionsError,
  port as portRule,
  someText,
  wholeNumber,
} from '../base/optionChecks.ts';
import { defaultDialTimeout } from '../base/timeouts.ts';
import { parseTarget } from '../client/dial/target.ts';
import { checkAborted } from '../endpoint/calls/abort.ts';
import { answerAll } from './answer.ts';
import { connectOptionsOf, type ResolvedOptions, reachedThrough } from './connectOptions.ts';
import type { Credentials } from './credentials.ts';
import { credentialRules } from './credentials.ts';
import { type ForwardSettings, forwardsOf } from './forwards.ts';
import type { ConfigPlatform } from './platform.ts';
import { type Keywords, keywordsOf } from './reading/output.ts';
import { commandLine, problemAt } from './reading/problems.ts';
import { type ConfigLimits, defaultConfigLimits, type Source } from './reading/reader.ts';
import { type Request, type Resolution, resolve } from './reading/resolve.ts';
import { type SessionSettings, sessionOf } from './session.ts';
import type { Place } from './syntax/hosts.ts';
import { warningsOf } from './warnings.ts';

/** A file of a configuration: its path, or its text with the name that errors call it by. */
export type ConfigFile =
  | string
  | {
      /** Path of the file, also where `text` is given: messages name it. */
      readonly path: string;
      /** Read from the path where not given. */
      readonly text?: string | undefined;
      /**
       * A file of the system: what Include names without a slash is in `/etc/ssh`, and
       * not in `~/.ssh`. Default: `false`.
       */
      readonly system?: boolean | undefined;
    };

export interface ResolveHostOptions extends Credentials {
  /**
   * The files to read, in this order; the first value of a keyword counts. A file that you
   * name must exist. Default: `~/.ssh/config` and `/etc/ssh/ssh_config`, if they exist.
   */
  readonly files?: string | readonly ConfigFile[] | undefined;
  /** As `ssh -o` takes them, `Keyword value` or `Keyword=value`: they come before all files. */
  readonly overrides?: readonly string[] | undefined;
  /** The user to log in as, whatever the files say. */
  readonly user?: string | undefined;
  /** The port, whatever a file says. */
  readonly port?: number | undefined;
  /** The command that you will run, for `Match command`. Default: none. */
  readonly command?: string | undefined;
  /** The connection serves one forward and no session, as with `ssh -W`; forwards of the files do not count. Default: `false`. */
  readonly forwardOnly?: boolean | undefined;
  /** Milliseconds for all that is read, looked up and run by `Match exec`: 30,000. */
  readonly timeout?: number | undefined;
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined;
  /** Bounds on what is read. Default: 1 MiB a file, 16 nested files, 1,024 files, 16 MiB in all. */
  readonly limits?: { readonly [Name in keyof ConfigLimits]?: ConfigLimits[Name] | undefined } | undefined;
}

/** What a configuration says about a host. */
export interface ResolvedHost {
  /** For `connect`, `runOnAll` and `openTunnel`. */
  readonly options: ResolvedOptions;
  /** What concerns a session. */
  readonly session: SessionSettings;
  /** The forwards that the files want. */
  readonly forwards: ForwardSettings;
  /** Every keyword, as `ssh -G` prints it; `formatKeywords` makes its text of them. */
  readonly keywords: Keywords;
  /** What this client does otherwise than the configuration says, a line each. */
  readonly warnings: readonly string[];
}

/** Looks a host up in the configuration. */
export type ResolveHost = (host: string, options?: ResolveHostOptions) => Promise<ResolvedHost>;

const textList = {
  takes: 'a list of texts such as "Port 2222"',
  accepts: (value: unknown): boolean => Array.isArray(value) && value.every((one) => typeof one === 'string'),
};

const optionTable: OptionTable<ResolveHostOptions> = {
  ...credentialRules,
  files: {
    takes: 'paths, or objects with path and text',
    accepts: (value) => typeof value === 'string' || (Array.isArray(value) && value.every(isFile)),
  },
  overrides: textList,
  user: someText,
  port: portRule,
  command: anyText,
  forwardOnly: flag,
  timeout: milliseconds,
  signal: abortSignal,
  limits: { takes: 'an object', accepts: isObject },
};

const limitTable: OptionTable<ConfigLimits> = {
  fileSize: wholeNumber(1, Number.POSITIVE_INFINITY),
  includeDepth: wholeNumber(0, 256),
  files: wholeNumber(1, Number.POSITIVE_INFINITY),
  totalSize: wholeNumber(1, Number.POSITIVE_INFINITY),
};

function isFile(value: unknown): boolean {
  if (typeof value === 'string') return value !== '';
  if (!isObject(value)) return false;
  const { path, text, system, ...others } = value;
  return (
    typeof path === 'string' &&
    path !== '' &&
    ['string', 'undefined'].includes(typeof text) &&
    ['boolean', 'undefined'].includes(typeof system) &&
    Object.keys(others).length === 0
  );
}

/** Hosts to jump over on one way. */
const mostJumps = 16;

export function createResolveHost(platform: ConfigPlatform): ResolveHost {
  return async (host, options = {}) => {
    checkArgument('the host', host, someText);
    checkOptions(options, { of: 'resolveHost', table: optionTable });
    // Also where nothing is asked for, and nothing waited for.
    checkAborted(options.signal, { phase: 'options' });
    return new Resolver(platform, options).resolve(placeOf(host, options));
  };
}

/** `user@host`, or a URI; a user and a port that are given beside it count more. */
function placeOf(host: string, { user, port }: ResolveHostOptions): Place {
  if (host.startsWith('ssh://')) {
    const place = parseTarget(host);
    return { host: place.host, user: user ?? place.username, port: port ?? place.port };
  }
  const at = host.lastIndexOf('@');
  if (at === 0) throw optionsError(`${quotedText(host)} names no user before the @`);
  return { host: host.slice(at + 1), user: user ?? (at < 0 ? undefined : host.slice(0, at)), port };
}

class Resolver {
  private readonly platform: ConfigPlatform;
  private readonly options: ResolveHostOptions;
  private readonly limits: ConfigLimits;
  private readonly sources: readonly Source[];

  constructor(platform: ConfigPlatform, options: ResolveHostOptions) {
    this.platform = platform;
    this.options = options;
    this.limits = limitsOf(options.limits);
    this.sources = sourcesOf(options.files, platform);
  }

  async resolve(place: Place): Promise<ResolvedHost> {
    const { overrides = [], command, forwardOnly } = this.options;
    const resolution = await this.read({
      ...this.requestOf(place),
      overrides,
      command,
      isForwardOnly: forwardOnly,
    });
    const facts = this.platform.facts();
    const warnings: string[] = [...warningsOf(resolution)];
    const via = await this.jumpsOf(resolution, placeText(place), [], warnings);
    const options = await connectOptionsOf(resolution, {
      platform: this.platform,
      facts,
      given: this.options,
      warnings,
      isInteractive: this.isInteractive(resolution),
      via,
    });
    return {
      options: via.length === 0 ? options : reachedThrough(options),
      session: sessionOf(resolution, facts.variables, this.platform.variableNames()),
      forwards: forwardsOf(resolution.settings),
      keywords: keywordsOf(resolution),
      warnings: [...new Set(warnings)],
    };
  }

  /** A command is run without a terminal unless one is asked for. */
  private isInteractive({ settings }: Resolution): boolean {
    const { command = '', forwardOnly = false } = this.options;
    const tty = settings.value('requesttty') ?? 'auto';
    if (tty !== 'auto') return tty !== 'false' && tty !== 'no';
    const runs = command !== '' || settings.value('remotecommand') !== undefined;
    return !runs && !forwardOnly && settings.value('sessiontype') === 'default';
  }

  private requestOf({ host, user, port }: Place): Request {
    return { host, user, port, overrides: [], sources: this.sources, limits: this.limits };
  }

  private async read(request: Request): Promise<Resolution> {
    const { timeout = defaultDialTimeout, signal } = this.options;
    return answerAll(resolve(request, this.platform.facts()), this.platform, {
      timeout,
      signal,
      fileSize: this.limits.fileSize,
    });
  }

  // Jumps --------------------------------------------------------------------------------

  /**
   * The hosts on the way, the nearest first. Each has its own configuration, and the options
   * of the caller do not count for it. A host may come twice in a list, which has an end: what
   * leads in a circle is the same step once more, which configurations alone can bring about.
   *
   * @param from the host that is reached
   * @param passed the steps so far: a host, and what is said of the way to it
   */
  private async jumpsOf(
    { settings }: Resolution,
    from: string,
    passed: readonly string[],
    warnings: string[],
  ): Promise<readonly ResolvedOptions[]> {
    const { jump } = settings;
    if (jump === undefined) return [];
    const { last, before } = jump;
    const origin = settings.origin('proxyjump') ?? { file: commandLine, line: 0 };
    const name = placeText(last);
    const step = before === undefined ? name : `${before},${name}`;
    if (passed.includes(step) || passed.length >= mostJumps) {
      throw problemAt(
        origin,
        `proxyjump: the way to ${quotedText(from)} leads in a circle, by ${quotedText(name)}; say ProxyJump none in the block of the first host`,
      );
    }
    const overrides = before === undefined ? [] : [`ProxyJump=${before}`];
    const resolution = await this.read({ ...this.requestOf(last), overrides, isForwardOnly: true });
    const nearer = await this.jumpsOf(resolution, name, [...passed, step], warnings);
    const hop = await connectOptionsOf(resolution, {
      platform: this.platform,
      facts: this.platform.facts(),
      // What answers for the last host is nothing for those on the way.
      given: { passphrase: this.options.passphrase, addToAgent: this.options.addToAgent },
      warnings,
      isInteractive: false,
      via: [],
    });
    return [...nearer, nearer.length === 0 ? hop : reachedThrough(hop)];
  }
}

function placeText({ user, host, port }: Place): string {
  return `${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`;
}

function limitsOf(given: ResolveHostOptions['limits']): ConfigLimits {
  if (given === undefined) return defaultConfigLimits;
  checkOptions(given, { of: 'limits', table: limitTable, prefix: 'limits.' });
  const { fileSize, includeDepth, files, totalSize } = defaultConfigLimits;
  return {
    fileSize: given.fileSize ?? fileSize,
    includeDepth: given.includeDepth ?? includeDepth,
    files: given.files ?? files,
    totalSize: given.totalSize ?? totalSize,
  };
}

/** `none` is no file at all, as for `ssh -F`. */
function sourcesOf(files: ResolveHostOptions['files'], platform: ConfigPlatform): readonly Source[] {
  if (files === undefined) return platform.defaultSources();
  const list = typeof files === 'string' ? [files] : files;
  return list.flatMap((file): Source[] => {
    const { path, text, system = false } = typeof file === 'string' ? { path: file } : file;
    if (text === undefined && path.toLowerCase() === 'none') return [];
    return [{ path, text, isUsers: !system, isGuarded: false, isNeeded: true }];
  });
}
