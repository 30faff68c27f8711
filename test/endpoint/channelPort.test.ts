/** The end of a channel as those hear it who hold it. */
import { expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { CoreDoor } from '../../src/endpoint/channels/coreDoor.ts';
import { LoneChannel } from '../connection/support.ts';

function open(): { readonly port: ChannelPort; readonly errors: SshError[] } {
  const errors: SshError[] = [];
  const door: Partial<CoreDoor> = {
    isLive: true,
    addressed: (error) => {
      errors.push(error);
      return error;
    },
  };
  const { channel } = LoneChannel.open();
  return { port: new ChannelPort(channel, { door: door as CoreDoor, terminate: () => {} }), errors };
}

it('a channel that ends in order makes no error where nobody is to hear one', async () => {
  const { port, errors } = open();
  let ends = 0;
  port.data.listen({
    readable: () => {},
    ended: () => ends++,
    failed: () => {},
    aborted: () => {},
  });
  port.ended(undefined);
  expect(await port.closed).toBeUndefined();
  expect([ends, errors.length]).toEqual([1, 0]);
});

it('whoever still writes to a channel that ended hears why, each the same error', () => {
  const { port, errors } = open();
  const heard: unknown[] = [];
  port.outbound.listen((error) => heard.push(error));
  port.ended(undefined);
  port.outbound.write(new Uint8Array(1), (error) => heard.push(error));
  expect(heard).toHaveLength(2);
  expect(heard[0]).toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED', message: 'the peer closed the channel' });
  expect([new Set(heard).size, errors.length]).toEqual([1, 1]);
});

it('the end of a connection is the cause that everybody hears', async () => {
  const { port, errors } = open();
  const cause = new SshError('ERR_SSH_CONNECTION_LOST', 'gone');
  const heard: unknown[] = [];
  port.outbound.listen((error) => heard.push(error));
  port.data.listen({
    readable: () => {},
    ended: () => {},
    failed: (error) => heard.push(error),
    aborted: () => {},
  });
  port.ended(cause);
  heard.push(await port.closed);
  expect(heard).toEqual([cause, cause, cause]);
  expect(errors).toEqual([cause]);
});
