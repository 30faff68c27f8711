/** Every message between a program and an agent: a value, its bytes worked out by hand from the draft, and arbitrary values. */
import fc from 'fast-check';
import * as agent from '../../src/message/agent.ts';
import { booleans, byteStrings, hexBytes, lengthAnd, type Row, row, texts, uint32s } from './support.ts';

const noFields = fc.constant({});
const rest = fc.record({ fields: byteStrings });

export const agentMessages: readonly Row[] = [
  row(agent.agentFailure, {}, ['05'], noFields),
  row(agent.agentSuccess, {}, ['06'], noFields),
  row(agent.agentRequestIdentities, {}, ['0b'], noFields),
  row(
    agent.agentIdentitiesAnswer,
    {
      keys: [
        { publicKey: hexBytes('0102'), comment: 'work' },
        { publicKey: hexBytes(''), comment: '' },
      ],
    },
    ['0c', '00000002', '00000002 0102', lengthAnd('work'), '00000000 00000000'],
    fc.record({ keys: fc.array(fc.record({ publicKey: byteStrings, comment: texts }), { maxLength: 4 }) }),
  ),
  // As many keys as there is room for: what a count may claim is the bytes by the shortest key.
  row(
    agent.agentIdentitiesAnswer,
    { keys: [{ publicKey: hexBytes(''), comment: '' }] },
    ['0c', '00000001', '00000000 00000000'],
    fc.constant({ keys: [] }),
  ),
  row(
    agent.agentSignRequest,
    { publicKey: hexBytes('aa'), data: hexBytes('bbcc'), flags: 4 },
    ['0d', '00000001 aa', '00000002 bbcc', '00000004'],
    fc.record({ publicKey: byteStrings, data: byteStrings, flags: uint32s }),
  ),
  row(
    agent.agentSignResponse,
    { signature: hexBytes('dd') },
    ['0e', '00000001 dd'],
    fc.record({ signature: byteStrings }),
  ),
  row(agent.agentAddIdentity, { fields: hexBytes('0102') }, ['11', '0102'], rest, [1, 2]),
  row(agent.agentAddIdConstrained, { fields: hexBytes('0102') }, ['19', '0102'], rest, [1, 2]),
  row(
    agent.agentRemoveIdentity,
    { publicKey: hexBytes('aa') },
    ['12', '00000001 aa'],
    fc.record({ publicKey: byteStrings }),
  ),
  row(agent.agentRemoveAllIdentities, {}, ['13'], noFields),
  row(
    agent.agentExtension,
    { extensionType: 'query', contents: hexBytes('ff') },
    ['1b', lengthAnd('query'), 'ff'],
    fc.record({ extensionType: texts, contents: byteStrings }),
    [10],
  ),
];

export const agentPayloads: readonly Row[] = [
  row(
    agent.agentSessionBind,
    { hostKey: hexBytes('01'), sessionId: hexBytes('02'), signature: hexBytes('03'), isForwarding: true },
    ['00000001 01', '00000001 02', '00000001 03', '01'],
    fc.record({
      hostKey: byteStrings,
      sessionId: byteStrings,
      signature: byteStrings,
      isForwarding: booleans,
    }),
  ),
];
