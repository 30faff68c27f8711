/** The event loop that simulations stand on. */
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../support/virtualClock.ts';
import { seededBytes } from './random.ts';
import { createToyProvider } from './toyCrypto.ts';

describe('the virtual clock', () => {
  it('serves what is due in the order of time, then of asking', async () => {
    const clock = new VirtualClock();
    const served: string[] = [];
    clock.schedule(20, { due: () => served.push(`late at ${clock.now()}`) });
    clock.schedule(10, { due: () => served.push('first') });
    clock.schedule(10, { due: () => served.push('second') });
    clock.schedule(15, { due: () => served.push('never') }).cancel();
    await clock.run();
    expect(served).toEqual(['first', 'second', 'late at 20']);
    expect(clock.liveTimers).toBe(0);
  });

  it('polls once between an overdue timer and what waits for the poll', async () => {
    const clock = new VirtualClock();
    const served: string[] = [];
    clock.schedule(10, {
      due: () => {
        served.push('timer');
        clock.afterPoll(() => served.push('verdict'));
      },
    });
    clock.ioAt(15, () => served.push('answer'));
    clock.block(30);
    await clock.run();
    expect(served).toEqual(['timer', 'answer', 'verdict']);
  });

  it('lets promises run dry between two callbacks', async () => {
    const clock = new VirtualClock();
    const served: string[] = [];
    clock.schedule(1, { due: () => void Promise.resolve().then(() => served.push('promise')) });
    clock.schedule(1, { due: () => served.push('timer') });
    await clock.run();
    expect(served).toEqual(['promise', 'timer']);
  });
});

describe('the crypto of simulations', () => {
  const provider = createToyProvider(seededBytes(1));
  const keys = {
    cipher: 'chacha20-poly1305@openssh.com',
    mac: undefined,
    encryptionKey: new Uint8Array(64).fill(3),
    iv: new Uint8Array(0),
    integrityKey: new Uint8Array(0),
  } as const;

  it('comes to the same secret on both sides', () => {
    const [one, two] = [provider.x25519.generate(), provider.x25519.generate()];
    expect(provider.x25519.sharedSecret(one.secretKey, two.publicKey)).toEqual(
      provider.x25519.sharedSecret(two.secretKey, one.publicKey),
    );
  });

  it('notices every altered bit of a packet', () => {
    const packet = new Uint8Array(4 + 24 + 16);
    packet[3] = 24;
    provider.createSealingCipher(keys).seal(packet, 0, 24, 5, packet.length);
    for (let bit = 0; bit < packet.length * 8; bit++) {
      const altered = packet.slice();
      altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7));
      const opener = provider.createOpeningCipher(keys);
      const length = opener.openLength(altered, 0, 5);
      expect(length !== 24 || !opener.open(altered, 0, 24, 5, altered.length)).toBe(true);
    }
    const opener = provider.createOpeningCipher(keys);
    expect(opener.openLength(packet, 0, 5)).toBe(24);
    expect(opener.open(packet, 0, 24, 5, packet.length)).toBe(true);
  });
});
