/** The tables of numbers, against those of the RFCs as they stand there. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import {
  agentConstraints,
  agentIdentities,
  agentMessageLength,
  agentNumbers,
  agentSignFlags,
} from '../../src/message/agent.ts';
import { channelOpenFailureReasons, extendedDataTypes } from '../../src/message/channel.ts';
import { message } from '../../src/message/codec.ts';
import {
  isConnectionNumber,
  isKeyExchangeMethodNumber,
  isUserauthNumber,
  messageName,
  messageNumbers,
} from '../../src/message/numbers.ts';
import { terminalModeOpcodes } from '../../src/message/terminalModes.ts';
import { WireReader } from '../../src/wire/reader.ts';

/** Lines of a number and what it stands for, as an RFC prints them. */
function table(text: string): Map<number, string> {
  const rows = text.trim().split(/\s*\n\s*/);
  return new Map(rows.map((row) => [Number.parseInt(row, 10), row.replace(/^\d+\s+/, '')]));
}

/** RFC 4250 §4.1.2; 7 and 8 are of RFC 8308, 30 to 34 of RFC 4253, 5656 and 4419, 60 and 61 of RFC 4252 and 4256, 192 and 193 of OpenSSH. */
const messages = table(`
  1   SSH_MSG_DISCONNECT
  2   SSH_MSG_IGNORE
  3   SSH_MSG_UNIMPLEMENTED
  4   SSH_MSG_DEBUG
  5   SSH_MSG_SERVICE_REQUEST
  6   SSH_MSG_SERVICE_ACCEPT
  7   SSH_MSG_EXT_INFO
  8   SSH_MSG_NEWCOMPRESS
  20  SSH_MSG_KEXINIT
  21  SSH_MSG_NEWKEYS
  30  SSH_MSG_KEXDH_INIT/KEX_ECDH_INIT
  31  SSH_MSG_KEXDH_REPLY/KEX_ECDH_REPLY/KEX_DH_GEX_GROUP
  32  SSH_MSG_KEX_DH_GEX_INIT
  33  SSH_MSG_KEX_DH_GEX_REPLY
  34  SSH_MSG_KEX_DH_GEX_REQUEST
  50  SSH_MSG_USERAUTH_REQUEST
  51  SSH_MSG_USERAUTH_FAILURE
  52  SSH_MSG_USERAUTH_SUCCESS
  53  SSH_MSG_USERAUTH_BANNER
  60  SSH_MSG_USERAUTH_PK_OK/PASSWD_CHANGEREQ/INFO_REQUEST
  61  SSH_MSG_USERAUTH_INFO_RESPONSE
  80  SSH_MSG_GLOBAL_REQUEST
  81  SSH_MSG_REQUEST_SUCCESS
  82  SSH_MSG_REQUEST_FAILURE
  90  SSH_MSG_CHANNEL_OPEN
  91  SSH_MSG_CHANNEL_OPEN_CONFIRMATION
  92  SSH_MSG_CHANNEL_OPEN_FAILURE
  93  SSH_MSG_CHANNEL_WINDOW_ADJUST
  94  SSH_MSG_CHANNEL_DATA
  95  SSH_MSG_CHANNEL_EXTENDED_DATA
  96  SSH_MSG_CHANNEL_EOF
  97  SSH_MSG_CHANNEL_CLOSE
  98  SSH_MSG_CHANNEL_REQUEST
  99  SSH_MSG_CHANNEL_SUCCESS
  100 SSH_MSG_CHANNEL_FAILURE
  192 SSH_MSG_PING
  193 SSH_MSG_PONG`);

/** RFC 4254 §8, and IUTF8 of RFC 8160. */
const modes = table(`
  1   VINTR
  2   VQUIT
  3   VERASE
  4   VKILL
  5   VEOF
  6   VEOL
  7   VEOL2
  8   VSTART
  9   VSTOP
  10  VSUSP
  11  VDSUSP
  12  VREPRINT
  13  VWERASE
  14  VLNEXT
  15  VFLUSH
  16  VSWTCH
  17  VSTATUS
  18  VDISCARD
  30  IGNPAR
  31  PARMRK
  32  INPCK
  33  ISTRIP
  34  INLCR
  35  IGNCR
  36  ICRNL
  37  IUCLC
  38  IXON
  39  IXANY
  40  IXOFF
  41  IMAXBEL
  42  IUTF8
  50  ISIG
  51  ICANON
  52  XCASE
  53  ECHO
  54  ECHOE
  55  ECHOK
  56  ECHONL
  57  NOFLSH
  58  TOSTOP
  59  IEXTEN
  60  ECHOCTL
  61  ECHOKE
  62  PENDIN
  70  OPOST
  71  OLCUC
  72  ONLCR
  73  OCRNL
  74  ONOCR
  75  ONLRET
  90  CS7
  91  CS8
  92  PARENB
  93  PARODD
  128 TTY_OP_ISPEED
  129 TTY_OP_OSPEED`);

describe('a message number', () => {
  it('has the name that the RFCs give it, and no other number has one', () => {
    for (let number = 0; number < 256; number++) {
      expect(messageName(number)).toBe(messages.get(number) ?? `message ${number}`);
    }
  });

  it('has a name wherever a message is declared', () => {
    expect(new Set(Object.values(messageNumbers))).toEqual(new Set(messages.keys()));
  });
});

describe('RFC 4250 §4.1.2: the ranges of numbers', () => {
  it.each([
    [isKeyExchangeMethodNumber, 30, 49],
    [isUserauthNumber, 50, 79],
    [isConnectionNumber, 80, 127],
  ] as const)('%o is from %i to %i', (isOne, first, last) => {
    const all = Array.from({ length: 256 }, (_, number) => number);
    expect(all.filter(isOne)).toEqual(all.slice(first, last + 1));
  });
});

describe('the other numbers', () => {
  it('of agents are those of draft-ietf-sshm-ssh-agent §5, the bounds those of OpenSSH', () => {
    expect(agentNumbers).toEqual({
      failure: 5,
      success: 6,
      requestIdentities: 11,
      identitiesAnswer: 12,
      signRequest: 13,
      signResponse: 14,
      addIdentity: 17,
      removeIdentity: 18,
      removeAllIdentities: 19,
      addIdConstrained: 25,
      extension: 27,
      extensionFailure: 28,
      extensionResponse: 29,
    });
    expect(agentSignFlags).toEqual({ rsaSha2256: 2, rsaSha2512: 4 });
    expect(agentConstraints).toEqual({ lifetime: 1, confirm: 2 });
    expect([agentMessageLength, agentIdentities]).toEqual([262_144, 2048]);
  });

  it('of terminal modes are those of RFC 4254 §8', () => {
    const ours = Object.entries(terminalModeOpcodes).map(([name, opcode]) => [opcode, name]);
    expect(ours).toEqual([...modes]);
  });

  it('of CHANNEL_OPEN_FAILURE and CHANNEL_EXTENDED_DATA are those of RFC 4254 §5', () => {
    expect(channelOpenFailureReasons).toEqual({
      administrativelyProhibited: 1,
      connectFailed: 2,
      unknownChannelType: 3,
      resourceShortage: 4,
    });
    expect(extendedDataTypes).toEqual({ stderr: 1 });
  });
});

describe('an error that is none of the data', () => {
  it.each([
    ['a defect', new TypeError('a defect')],
    ['a limit', new SshError('ERR_SSH_LIMIT', 'too much')],
  ])('passes a codec as it is: %s', (_, defect) => {
    const broken = message<{ field: number }>(200, {
      field: {
        decode: () => {
          throw defect;
        },
        encode: () => undefined,
      },
    });
    expect(() => broken.decode(new WireReader(Uint8Array.of(1)))).toThrow(defect);
  });
});
