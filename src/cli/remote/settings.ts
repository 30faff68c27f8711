/**
 * What a session does, from the command line and the configuration together.
 *
 * Owns: what the two come to: the terminal, the command, what ends it, what
 * contradicts itself.
 * Must not know: files of configuration (`config/`), how any of it is carried out.
 * Source: ssh(1), ssh_config(5).
 */

import { optionsError } from '../../base/optionChecks.ts';
import type { ResolvedHost } from '../../config/resolveHost.ts';
import type { TargetPlace } from '../../forwarding/places.ts';
import type { SshCommandLine } from './arguments.ts';
import { type ForwardSpec, forwardSpecs } from './forwardSpecs.ts';

/** What is done beside the forwards. */
export type Purpose =
  /** A command, or a shell where there is none. */
  | { readonly kind: 'session'; readonly command: string | undefined }
  | { readonly kind: 'subsystem'; readonly name: string }
  /** Nothing (-N). */
  | { readonly kind: 'forwards' }
  /** Standard input and output are joined to a place (-W). */
  | { readonly kind: 'stdio'; readonly to: TargetPlace };

/** What a channel of a session can be for. */
export type RemotePurpose = Extract<Purpose, { readonly kind: 'session' | 'subsystem' }>;

export interface SessionPlan {
  /** As it was named, for messages. */
  readonly host: string;
  readonly resolved: ResolvedHost;
  readonly purpose: Purpose;
  /** `force`: also where standard input is no terminal. */
  readonly pty: 'auto' | 'yes' | 'force' | 'none';
  /** Whether standard input goes to the command. */
  readonly input: boolean;
  readonly forwards: readonly ForwardSpec[];
  /** The path of the agent that programs on the server may use, or the user's own; `false` for none. */
  readonly forwardAgent: boolean | string;
  readonly json: boolean;
  /** Where a program is told things, and lends its connection; undefined for none. */
  readonly controlPath: string | undefined;
  /** Whether this program listens there. `ifFree`: where no other does. */
  readonly isControlled: boolean | 'ifFree';
  /** Whether it lends its connection unasked to those who come there. */
  readonly lends: boolean;
  /** Whether a session runs over the connection of who listens there. */
  readonly borrows: boolean;
  /** Seconds for which a program in the background stays when nothing runs over its connection any more; undefined where it ends at once. */
  readonly persistsFor: number | undefined;
  /** Whether a program in the background connects, and stays, where none listens yet: ControlPersist without -f. */
  readonly leavesLender: boolean;
}

/** @throws SshError `ERR_SSH_OPTIONS` for what contradicts itself */
export function planOf(line: SshCommandLine, resolved: ResolvedHost): SessionPlan {
  const { session, forwards, keywords } = resolved;
  const purpose = purposeOf(line, resolved);
  const isCleared = keywords['clearallforwardings'] === 'yes';
  const controlPath = textOf(keywords, 'controlpath');
  const master = textOf(keywords, 'controlmaster') ?? 'false';
  const persistsFor = persistOf(textOf(keywords, 'controlpersist') ?? 'no');
  const hasPath = controlPath !== undefined && controlPath !== 'none';
  const isSession = purpose.kind === 'session' || purpose.kind === 'subsystem';
  const isUnasked = ['auto', 'yes', 'true'].includes(master);
  if (session.fork && purpose.kind === 'session' && purpose.command === undefined) {
    throw optionsError('-f needs a command, or -N: a shell cannot go to the background');
  }
  return {
    host: line.host,
    resolved,
    purpose,
    pty: ptyOf(session.requestTty),
    input: !session.stdinNull,
    forwards: forwardSpecs(forwards, isCleared ? [] : line.forwards),
    forwardAgent: session.forwardAgent,
    json: line.json,
    controlPath: hasPath ? controlPath : undefined,
    isControlled: master.startsWith('auto') ? 'ifFree' : ['yes', 'true', 'ask'].includes(master),
    lends: !master.endsWith('ask'),
    borrows: !['yes', 'true', 'ask'].includes(master),
    persistsFor,
    leavesLender:
      persistsFor !== undefined && hasPath && isSession && isUnasked && !session.fork && !line.json,
  };
}

function persistOf(persist: string): number | undefined {
  if (persist === 'no') return undefined;
  const seconds = Number(persist);
  return seconds > 0 ? seconds : Number.POSITIVE_INFINITY;
}

export function textOf(keywords: ResolvedHost['keywords'], keyword: string): string | undefined {
  const value = keywords[keyword];
  return typeof value === 'string' ? value : undefined;
}

function purposeOf({ command, stdioForward }: SshCommandLine, { session }: ResolvedHost): Purpose {
  if (stdioForward !== undefined) return { kind: 'stdio', to: stdioForward };
  const { remoteCommand, type } = session;
  if (command !== undefined && remoteCommand !== undefined) {
    throw optionsError(
      'there is a command, and RemoteCommand of the configuration is another; -o RemoteCommand=none takes that away',
    );
  }
  switch (type) {
    case 'none':
      if (command !== undefined) throw optionsError('-N runs no command; leave the command out');
      return { kind: 'forwards' };
    case 'subsystem': {
      const name = command ?? remoteCommand;
      if (name === undefined) throw optionsError('-s needs the name of a subsystem in place of a command');
      return { kind: 'subsystem', name };
    }
    case 'default':
      return { kind: 'session', command: command ?? remoteCommand };
    default:
      return type satisfies never;
  }
}

function ptyOf(requestTty: ResolvedHost['session']['requestTty']): SessionPlan['pty'] {
  return requestTty === 'no' ? 'none' : requestTty;
}
