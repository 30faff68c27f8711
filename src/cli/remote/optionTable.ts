/**
 * The options of the command, which are those of ssh(1), and what each stands for.
 *
 * Owns: their letters and long names. Most of them are a keyword of ssh_config(5)
 * with another face, and become one, so that a keyword has one meaning wherever
 * it is given.
 * Must not know: where options may stand, what the keywords do.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { LetterOption } from '../letterOptions.ts';

/** A keyword of ssh_config(5) with its value. */
export interface Keyword {
  readonly keyword: string;
  readonly value: string;
  /** The value is one word, as an option has it; that of -o is as it would stand in a file. */
  readonly isWord: boolean;
}

/** What the options of one command line say, in the making. */
export interface Draft {
  /** In order: of two that say the same, the first counts. */
  readonly keywords: Keyword[];
  /** Of options that replace what was said before: the last one is the first of them, and goes before all others. */
  readonly replacing: Keyword[];
  /** Of -v and -q; the last one counts. */
  logLevel: string | undefined;
  /** -F */
  configFile: string | undefined;
  /** -E */
  logFile: string | undefined;
  /** -G: print the configuration and connect to nothing. */
  printsConfiguration: boolean;
  /** -O */
  control: string | undefined;
  /** -Q */
  query: string | undefined;
  /** -W */
  stdioForward: string | undefined;
  /** -P */
  tag: string | undefined;
  /** How often -t was given since the last -T. */
  ttys: number;
  json: boolean;
  timeout: string | undefined;
  algorithms: string | undefined;
  noAgent: boolean;
  help: boolean;
  version: boolean;
}

type CommandOption = LetterOption<Draft>;

/** An option that is a keyword with its own value. */
function keyword(letter: string, of: string, value: string, name?: string): CommandOption {
  return {
    letter,
    ...(name === undefined ? {} : { name }),
    value,
    apply: ({ keywords }, given) => void keywords.push({ keyword: of, value: given, isWord: true }),
  };
}

/** As `keyword`; the last one counts. */
function replacing(letter: string, of: string, value: string): CommandOption {
  return {
    letter,
    value,
    apply: (draft, given) => void draft.replacing.unshift({ keyword: of, value: given, isWord: true }),
  };
}

/** An option that is one keyword or several with fixed values. The last of two counts. */
function fixed(letter: string, of: Readonly<Record<string, string>>, name?: string): CommandOption {
  const given = Object.entries(of).map(([name, value]) => ({ keyword: name, value, isWord: true }));
  return {
    letter,
    ...(name === undefined ? {} : { name }),
    apply: (draft) => void draft.replacing.unshift(...given),
  };
}

function unsupported(letter: string, why: string, value?: string): CommandOption {
  return {
    letter,
    ...(value === undefined ? {} : { value }),
    apply: () => {
      throw optionsError(`-${letter}: ${why}`);
    },
  };
}

const levels = ['DEBUG1', 'DEBUG2', 'DEBUG3'];

/** The same keyword in the form of an assignment: `Port=22`, `Port 22`, ` port = 22`. */
function assignment(text: string): Keyword {
  const [, name, value = ''] = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+|$)(.*)$/s.exec(text) ?? [];
  if (name === undefined || value.trim() === '') {
    throw optionsError(`-o ${quotedText(text)} is no Keyword=value of ssh_config`);
  }
  return { keyword: name, value, isWord: false };
}

function terminal(draft: Draft, ttys: number, value: string): void {
  draft.ttys = ttys;
  draft.replacing.unshift({ keyword: 'RequestTTY', value, isWord: true });
}

export const commandOptions: readonly CommandOption[] = [
  unsupported('1', 'version 1 of the protocol is not supported by anybody any more'),
  // ssh takes it and does nothing: there is no other version.
  fixed('2', {}),
  fixed('4', { AddressFamily: 'inet' }),
  fixed('6', { AddressFamily: 'inet6' }),
  fixed('A', { ForwardAgent: 'yes' }, 'forward-agent'),
  fixed('a', { ForwardAgent: 'no' }),
  replacing('B', 'BindInterface', 'INTERFACE'),
  replacing('b', 'BindAddress', 'ADDRESS'),
  fixed('C', { Compression: 'yes' }),
  replacing('c', 'Ciphers', 'CIPHERS'),
  keyword('D', 'DynamicForward', '[ADDRESS:]PORT', 'dynamic-forward'),
  {
    letter: 'E',
    value: 'FILE',
    apply: (draft, value) => {
      draft.logFile = value;
    },
  },
  replacing('e', 'EscapeChar', 'CHARACTER'),
  {
    letter: 'F',
    value: 'FILE',
    apply: (draft, value) => {
      draft.configFile = value;
    },
  },
  fixed('f', { ForkAfterAuthentication: 'yes', StdinNull: 'yes' }),
  {
    letter: 'G',
    apply: (draft) => {
      draft.printsConfiguration = true;
    },
  },
  fixed('g', { GatewayPorts: 'yes' }, 'gateway-ports'),
  unsupported('I', 'keys of a PKCS#11 provider are not supported; load them into an agent', 'PROVIDER'),
  keyword('i', 'IdentityFile', 'FILE', 'identity'),
  keyword('J', 'ProxyJump', 'HOSTS'),
  unsupported('K', 'GSSAPI is not supported'),
  // Without GSSAPI nothing is delegated either way.
  fixed('k', {}),
  keyword('L', 'LocalForward', 'FORWARD', 'local-forward'),
  keyword('l', 'User', 'USER', 'login'),
  fixed('M', { ControlMaster: 'yes' }),
  replacing('m', 'MACs', 'MACS'),
  fixed('N', { SessionType: 'none' }, 'no-command'),
  fixed('n', { StdinNull: 'yes' }, 'no-input'),
  {
    letter: 'O',
    value: 'COMMAND',
    apply: (draft, value) => {
      draft.control = value;
    },
  },
  {
    letter: 'o',
    value: 'KEYWORD=VALUE',
    apply: ({ keywords }, value) => void keywords.push(assignment(value)),
  },
  {
    letter: 'P',
    value: 'TAG',
    apply: (draft, value) => {
      draft.tag ??= value;
    },
  },
  keyword('p', 'Port', 'PORT', 'port'),
  {
    letter: 'Q',
    value: 'WHAT',
    apply: (draft, value) => {
      draft.query ??= value;
    },
  },
  {
    letter: 'q',
    apply: (draft) => {
      draft.logLevel = 'QUIET';
    },
  },
  keyword('R', 'RemoteForward', 'FORWARD', 'remote-forward'),
  replacing('S', 'ControlPath', 'PATH'),
  fixed('s', { SessionType: 'subsystem' }),
  {
    letter: 'T',
    name: 'no-tty',
    apply: (draft) => terminal(draft, 0, 'no'),
  },
  {
    letter: 't',
    name: 'tty',
    apply: (draft) => terminal(draft, draft.ttys + 1, draft.ttys === 0 ? 'yes' : 'force'),
  },
  {
    letter: 'V',
    name: 'version',
    apply: (draft) => {
      draft.version = true;
    },
  },
  {
    letter: 'v',
    name: 'verbose',
    apply: (draft) => {
      const at = levels.indexOf(draft.logLevel ?? '');
      draft.logLevel = levels[Math.min(at + 1, levels.length - 1)];
    },
  },
  {
    letter: 'W',
    name: 'stdio-forward',
    value: 'HOST:PORT',
    apply: (draft, value) => {
      draft.stdioForward = value;
    },
  },
  unsupported('w', 'tunnel devices are not supported', 'TUNNEL'),
  fixed('X', { ForwardX11: 'yes' }),
  fixed('x', { ForwardX11: 'no' }),
  fixed('Y', { ForwardX11: 'yes', ForwardX11Trusted: 'yes' }),
  unsupported('y', 'messages do not go to syslog; -E FILE keeps them'),
  {
    name: 'no-agent',
    apply: (draft) => {
      draft.noAgent = true;
    },
  },
  {
    name: 'json',
    apply: (draft) => {
      draft.json = true;
    },
  },
  {
    name: 'timeout',
    value: 'TIME',
    apply: (draft, value) => {
      draft.timeout = value;
    },
  },
  {
    name: 'algorithms',
    value: 'SET',
    apply: (draft, value) => {
      draft.algorithms = value;
    },
  },
  {
    name: 'help',
    apply: (draft) => {
      draft.help = true;
    },
  },
];

/** A draft in which nothing has been said. */
export function emptyDraft(): Draft {
  return {
    keywords: [],
    replacing: [],
    logLevel: undefined,
    configFile: undefined,
    logFile: undefined,
    printsConfiguration: false,
    control: undefined,
    query: undefined,
    stdioForward: undefined,
    tag: undefined,
    ttys: 0,
    json: false,
    timeout: undefined,
    algorithms: undefined,
    noAgent: false,
    help: false,
    version: false,
  };
}
