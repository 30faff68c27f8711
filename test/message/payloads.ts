/** Every payload that goes by a name: a value, its bytes worked out by hand, and arbitrary values. */
import fc from 'fast-check';
import * as channel from '../../src/message/channel.ts';
import * as requests from '../../src/message/channelRequest.ts';
import * as global from '../../src/message/globalRequest.ts';
import {
  booleans,
  byteStrings,
  hexBytes,
  lengthAnd,
  names,
  type Row,
  row,
  texts,
  uint32s,
} from './support.ts';

const noFields = fc.constant({});
const path = fc.record({ socketPath: texts });
const keys = fc.record({ hostKeys: fc.array(byteStrings, { maxLength: 4 }) });
const bind = fc.record({ addressToBind: texts, portNumberToBind: uint32s });

export const allPayloads: readonly Row[] = [
  row(global.tcpipForward, { addressToBind: '', portNumberToBind: 8080 }, ['00000000', '00001f90'], bind),
  row(
    global.tcpipForwardReply,
    { portThatWasBound: 65535 },
    ['0000ffff'],
    fc.record({ portThatWasBound: uint32s }),
  ),
  row(
    global.cancelTcpipForward,
    { addressToBind: '127.0.0.1', portNumberToBind: 22 },
    [lengthAnd('127.0.0.1'), '00000016'],
    bind,
  ),
  row(global.streamlocalForward, { socketPath: '/run/s' }, [lengthAnd('/run/s')], path),
  row(global.cancelStreamlocalForward, { socketPath: '/run/s' }, [lengthAnd('/run/s')], path),
  row(
    global.hostKeysAnnouncement,
    { hostKeys: [hexBytes('01'), hexBytes('0203')] },
    ['00000001 01', '00000002 0203'],
    keys,
    [0, 5],
  ),
  row(global.hostKeysProve, { hostKeys: [hexBytes('01')] }, ['00000001 01'], keys, [0]),
  row(
    global.hostKeysProof,
    { signatures: [hexBytes('aa'), hexBytes('')] },
    ['00000001 aa', '00000000'],
    fc.record({ signatures: fc.array(byteStrings, { maxLength: 4 }) }),
    [0, 5],
  ),
  row(
    global.hostKeyProofData,
    { purpose: 'hostkeys-prove-00@openssh.com', sessionId: hexBytes('05'), hostKey: hexBytes('06') },
    [lengthAnd('hostkeys-prove-00@openssh.com'), '00000001 05', '00000001 06'],
    fc.record({ purpose: names, sessionId: byteStrings, hostKey: byteStrings }),
  ),
  row(channel.session, {}, [], noFields),
  row(
    channel.directTcpip,
    { hostToConnect: '10.0.0.5', portToConnect: 5432, originatorIpAddress: '::1', originatorPort: 1 },
    [lengthAnd('10.0.0.5'), '00001538', lengthAnd('::1'), '00000001'],
    fc.record({
      hostToConnect: texts,
      portToConnect: uint32s,
      originatorIpAddress: texts,
      originatorPort: uint32s,
    }),
  ),
  row(
    channel.forwardedTcpip,
    { addressThatWasConnected: '', portThatWasConnected: 80, originatorIpAddress: '::1', originatorPort: 2 },
    ['00000000', '00000050', lengthAnd('::1'), '00000002'],
    fc.record({
      addressThatWasConnected: texts,
      portThatWasConnected: uint32s,
      originatorIpAddress: texts,
      originatorPort: uint32s,
    }),
  ),
  row(
    channel.x11,
    { originatorAddress: '::1', originatorPort: 6010 },
    [lengthAnd('::1'), '0000177a'],
    fc.record({ originatorAddress: texts, originatorPort: uint32s }),
  ),
  row(
    channel.directStreamlocal,
    { socketPath: '/s', reservedString: '', reservedNumber: 0 },
    [lengthAnd('/s'), '00000000', '00000000'],
    fc.record({ socketPath: texts, reservedString: texts, reservedNumber: uint32s }),
  ),
  row(
    channel.forwardedStreamlocal,
    { socketPath: '/s', reserved: '' },
    [lengthAnd('/s'), '00000000'],
    fc.record({ socketPath: texts, reserved: texts }),
  ),
  row(channel.authAgent, {}, [], noFields),
  row(
    requests.ptyReq,
    {
      term: 'xterm',
      columns: 80,
      rows: 24,
      widthPixels: 640,
      heightPixels: 480,
      encodedTerminalModes: hexBytes('00'),
    },
    [lengthAnd('xterm'), '00000050', '00000018', '00000280', '000001e0', '00000001 00'],
    fc.record({
      term: texts,
      columns: uint32s,
      rows: uint32s,
      widthPixels: uint32s,
      heightPixels: uint32s,
      encodedTerminalModes: byteStrings,
    }),
  ),
  row(
    requests.x11Req,
    {
      singleConnection: false,
      x11AuthenticationProtocol: 'MIT-MAGIC-COOKIE-1',
      x11AuthenticationCookie: 'abcd',
      x11ScreenNumber: 0,
    },
    ['00', lengthAnd('MIT-MAGIC-COOKIE-1'), lengthAnd('abcd'), '00000000'],
    fc.record({
      singleConnection: booleans,
      x11AuthenticationProtocol: texts,
      x11AuthenticationCookie: texts,
      x11ScreenNumber: uint32s,
    }),
  ),
  row(
    requests.env,
    { variableName: 'LANG', variableValue: 'C' },
    [lengthAnd('LANG'), lengthAnd('C')],
    fc.record({ variableName: texts, variableValue: texts }),
  ),
  row(requests.shell, {}, [], noFields),
  row(requests.exec, { command: 'uname -a' }, [lengthAnd('uname -a')], fc.record({ command: texts })),
  row(
    requests.subsystem,
    { subsystemName: 'sftp' },
    [lengthAnd('sftp')],
    fc.record({ subsystemName: texts }),
  ),
  row(
    requests.windowChange,
    { columns: 1, rows: 2, widthPixels: 3, heightPixels: 4 },
    ['00000001', '00000002', '00000003', '00000004'],
    fc.record({ columns: uint32s, rows: uint32s, widthPixels: uint32s, heightPixels: uint32s }),
  ),
  row(requests.xonXoff, { clientCanDo: true }, ['01'], fc.record({ clientCanDo: booleans })),
  row(requests.signal, { signalName: 'TERM' }, [lengthAnd('TERM')], fc.record({ signalName: texts })),
  row(requests.exitStatus, { exitStatus: 255 }, ['000000ff'], fc.record({ exitStatus: uint32s })),
  row(
    requests.exitSignal,
    { signalName: 'SEGV', coreDumped: true, errorMessage: 'ouch', languageTag: '' },
    [lengthAnd('SEGV'), '01', lengthAnd('ouch'), '00000000'],
    fc.record({ signalName: texts, coreDumped: booleans, errorMessage: texts, languageTag: texts }),
  ),
  row(requests.breakRequest, { breakLength: 500 }, ['000001f4'], fc.record({ breakLength: uint32s })),
  row(requests.authAgentReq, {}, [], noFields),
  row(requests.eow, {}, [], noFields),
];
