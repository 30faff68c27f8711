import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex, utf8Encode } from '../../src/base/bytes.ts';
import { channelData } from '../../src/message/channel.ts';
import { Conversation } from '../support/conversation.ts';

/** A conversation from the first byte to data on a channel, and what the client saw and said in it. */
function transcript(
  chunk: number,
  lent = false,
  buffers = false,
): { events: string[]; sent: string; data: string } {
  const conversation = Conversation.to('ready', { chunk, lent, buffers, seed: 11 });
  const channel = conversation.client.at(0).connection.open('session', new Uint8Array(0));
  conversation.exchange();
  const [requested] = conversation.serverEventsOf('channelOpenRequested');
  if (requested === undefined) throw new Error('no channel');
  conversation.server.at(0).connection.acceptOpen(requested.channel);
  conversation.exchange();
  for (const text of ['a', 'bc', 'd'.repeat(5000), 'e'.repeat(30_000)]) {
    conversation.say(channelData, { recipientChannel: channel.localId, data: utf8Encode(text) });
  }
  conversation.client.at(0).rekey();
  conversation.exchange();
  conversation.say(channelData, { recipientChannel: channel.localId, data: utf8Encode('f') });
  let data = '';
  conversation.client.at(0);
  for (let piece = channel.take('data'); piece !== undefined; piece = channel.take('data'))
    data += toHex(piece);
  return {
    events: conversation.events.map(({ type }) => type).filter((type) => type !== 'channelReadable'),
    sent: conversation.fromClient.map(toHex).join(''),
    data,
  };
}

describe('the chunks in which bytes come', () => {
  it('never matter: the same events, the same answer, the same data', () => {
    const whole = transcript(1_000_000);
    expect(whole.data.length).toBe(2 * 35_004);
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 70_000 })),
        fc.boolean(),
        fc.boolean(),
        (chunk, lent, buffers) => {
          const cut = transcript(chunk, lent, buffers);
          expect(cut.events).toEqual(whole.events);
          expect(cut.data).toBe(whole.data);
          expect(cut.sent).toBe(whole.sent);
        },
      ),
      { numRuns: 25 },
    );
  });
});
