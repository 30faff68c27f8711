/** RFC 4254 §5.3: each state of a channel's two directions, and each thing that can happen in it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type Receiving,
  receivingAfter,
  type Sending,
  sendingAfter,
} from '../../src/connection/channelStates.ts';
import { counting, LoneChannel, thrownBy } from './support.ts';

/** What a channel does: its next state, and what it says to the peer or throws. */
type Outcome = readonly [next: string, ...told: string[]];

/** A channel with ten bytes that no window lets go. */
function withData(): LoneChannel {
  const lone = LoneChannel.open(0);
  lone.channel.write(counting(10));
  return lone;
}

/** The window comes, and with it what waited goes. */
function sendAll(lone: LoneChannel): void {
  lone.channel.receiveAdjust(20);
  lone.pump();
}

const toSending: Readonly<Record<Sending, () => LoneChannel>> = {
  open: withData,
  ending: () => {
    const lone = withData();
    lone.channel.eof();
    return lone;
  },
  ended: () => {
    const lone = toSending.ending();
    sendAll(lone);
    return lone;
  },
  closed: () => {
    const lone = toSending.ended();
    lone.channel.close();
    return lone;
  },
  cut: () => {
    const lone = withData();
    lone.channel.close();
    return lone;
  },
};

/** What the user and the scheduler do in a direction of ours. */
const sendingDeeds = {
  write: ({ channel }) => channel.write(counting(1)),
  eof: ({ channel }) => channel.eof(),
  window: sendAll,
  close: ({ channel }) => channel.close(),
  'close of the peer': ({ channel }) => channel.receiveClose(),
  gone: ({ channel }) => channel.gone(false),
} as const satisfies Readonly<Record<string, (lone: LoneChannel) => void>>;

const noMore = 'the channel takes no more data';

const sendingOutcomes: Readonly<Record<Sending, Readonly<Record<keyof typeof sendingDeeds, Outcome>>>> = {
  open: {
    write: ['open'],
    eof: ['ending'],
    window: ['open'],
    close: ['cut', 'close'],
    'close of the peer': ['cut', 'close'],
    gone: ['cut'],
  },
  ending: {
    write: ['ending', noMore],
    eof: ['ending'],
    window: ['ended', 'eof'],
    close: ['cut', 'close'],
    'close of the peer': ['cut', 'close'],
    gone: ['cut'],
  },
  ended: {
    write: ['ended', noMore],
    eof: ['ended'],
    window: ['ended'],
    close: ['closed', 'close'],
    'close of the peer': ['closed', 'close'],
    gone: ['closed'],
  },
  closed: {
    write: ['closed', noMore],
    eof: ['closed'],
    window: ['closed'],
    close: ['closed'],
    'close of the peer': ['closed'],
    gone: ['closed'],
  },
  cut: {
    write: ['cut', noMore],
    eof: ['cut'],
    window: ['cut'],
    close: ['cut'],
    'close of the peer': ['cut'],
    gone: ['cut'],
  },
};

const toReceiving: Readonly<Record<Receiving, () => LoneChannel>> = {
  open: () => LoneChannel.open(),
  unwanted: () => {
    const lone = LoneChannel.open();
    lone.channel.abandon();
    return lone;
  },
  stopping: () => {
    const lone = LoneChannel.open();
    lone.channel.close();
    return lone;
  },
  stopped: () => {
    const lone = toReceiving.stopping();
    lone.channel.receiveClose();
    return lone;
  },
  ended: () => {
    const lone = LoneChannel.open();
    lone.channel.receiveEof();
    return lone;
  },
  closed: () => {
    const lone = toReceiving.ended();
    lone.channel.receiveClose();
    return lone;
  },
  cut: () => {
    const lone = LoneChannel.open();
    lone.channel.receiveClose();
    return lone;
  },
};

/** What the peer says, and what this side does to what comes. */
const receivingDeeds = {
  data: ({ channel }) => channel.receiveData('data', counting(400), 0, 400),
  eof: ({ channel }) => channel.receiveEof(),
  'close of the peer': ({ channel }) => channel.receiveClose(),
  abandon: ({ channel }) => channel.abandon(),
  close: ({ channel }) => channel.close(),
  gone: ({ channel }) => channel.gone(false),
} as const satisfies Readonly<Record<string, (lone: LoneChannel) => void>>;

const receivingOutcomes: Readonly<Record<Receiving, Readonly<Record<keyof typeof receivingDeeds, Outcome>>>> =
  {
    open: {
      data: ['open', 'channelReadable'],
      eof: ['ended', 'channelEof'],
      'close of the peer': ['cut', 'close'],
      abandon: ['unwanted'],
      close: ['stopping', 'close'],
      gone: ['cut'],
    },
    unwanted: {
      data: ['unwanted'],
      eof: ['ended', 'channelEof'],
      'close of the peer': ['cut', 'close'],
      abandon: ['unwanted'],
      close: ['stopping', 'close'],
      gone: ['cut'],
    },
    stopping: {
      data: ['stopping'],
      eof: ['ended', 'channelEof'],
      'close of the peer': ['stopped'],
      abandon: ['stopping'],
      close: ['stopping'],
      gone: ['stopped'],
    },
    stopped: {
      data: ['stopped', 'data after CLOSE on channel 5'],
      eof: ['stopped', 'EOF after CLOSE on channel 5'],
      'close of the peer': ['stopped', 'CLOSE twice on channel 5'],
      abandon: ['stopped'],
      close: ['stopped'],
      gone: ['stopped'],
    },
    ended: {
      data: ['ended', 'data after EOF on channel 5'],
      eof: ['ended'],
      'close of the peer': ['closed', 'close'],
      abandon: ['ended'],
      close: ['ended', 'close'],
      gone: ['closed'],
    },
    closed: {
      data: ['closed', 'data after CLOSE on channel 5'],
      eof: ['closed', 'EOF after CLOSE on channel 5'],
      'close of the peer': ['closed', 'CLOSE twice on channel 5'],
      abandon: ['closed'],
      close: ['closed'],
      gone: ['closed'],
    },
    cut: {
      data: ['cut', 'data after CLOSE on channel 5'],
      eof: ['cut', 'EOF after CLOSE on channel 5'],
      'close of the peer': ['cut', 'CLOSE twice on channel 5'],
      abandon: ['cut'],
      close: ['cut'],
      gone: ['cut'],
    },
  };

/** Does it, and lists what was said to the peer, what was told and what was thrown. */
function outcomeOf(lone: LoneChannel, deed: (lone: LoneChannel) => void): string[] {
  lone.takeCalls();
  lone.takeEvents();
  const thrown = thrownBy(() => deed(lone));
  const said = lone
    .takeCalls()
    .map(([what]) => String(what))
    .filter((what) => what !== 'output');
  const told = lone
    .takeEvents()
    .map(({ type }) => type)
    .filter((type) => type !== 'channelDrained');
  const error = thrown === 'nothing thrown' ? [] : [thrown.replace(/^.*: /, '')];
  return [...said, ...told, ...error];
}

const sendingRows = Object.entries(sendingOutcomes).flatMap(([state, outcomes]) =>
  Object.entries(outcomes).map(([deed, outcome]) => [state, deed, outcome] as const),
);
const receivingRows = Object.entries(receivingOutcomes).flatMap(([state, outcomes]) =>
  Object.entries(outcomes).map(([deed, outcome]) => [state, deed, outcome] as const),
);

describe('the direction to the peer', () => {
  it.each(sendingRows)('that is %s, at %s', (state, deed, [next, ...told]) => {
    const lone = toSending[state as Sending]();
    expect(lone.channel.sending).toBe(state);
    const { sendWindow } = lone.channel;
    const outcome = outcomeOf(lone, sendingDeeds[deed as keyof typeof sendingDeeds]);
    expect([lone.channel.sending, ...outcome]).toEqual([next, ...told]);
    // Data goes out in no state but those in which EOF has not gone.
    const sent = sendWindow + (deed === 'window' ? 20 : 0) - lone.channel.sendWindow;
    expect(sent).toBe(deed === 'window' && (state === 'open' || state === 'ending') ? 10 : 0);
    expect(lone.channel.eofSent).toBe(['ended', 'closed'].includes(lone.channel.sending));
    expect(lone.channel.closeSent).toBe(['closed', 'cut'].includes(lone.channel.sending));
  });
});

describe('the direction from the peer', () => {
  it.each(receivingRows)('that is %s, at %s', (state, deed, [next, ...told]) => {
    const lone = toReceiving[state as Receiving]();
    expect(lone.channel.receiving).toBe(state);
    const outcome = outcomeOf(lone, receivingDeeds[deed as keyof typeof receivingDeeds]);
    expect([lone.channel.receiving, ...outcome]).toEqual([next, ...told]);
    // What comes is kept where somebody reads it.
    expect(lone.channel.data.length).toBe(deed === 'data' && state === 'open' ? 400 : 0);
    expect(lone.channel.eofReceived).toBe(['ended', 'closed'].includes(lone.channel.receiving));
    expect(lone.channel.isStopped).toBe(['stopping', 'stopped'].includes(lone.channel.receiving));
  });

  it('opens its window for what was taken, and is silent where nothing more comes or is wanted', () => {
    for (const [state, reach] of Object.entries(toReceiving)) {
      const lone = reach();
      lone.takeCalls();
      lone.channel.credit(800);
      const adjusts = state === 'open' || state === 'unwanted';
      expect([state, lone.takeCalls()]).toEqual([state, adjusts ? [['adjust', 800]] : []]);
    }
  });

  it('of a channel that is closed while it is being opened is stopped, and CLOSE waits', () => {
    const lone = new LoneChannel();
    lone.channel.close();
    expect(lone.takeCalls()).toEqual([]);
    expect(lone.channel).toMatchObject({ sending: 'open', receiving: 'stopping', isUnwanted: true });
    lone.channel.opened(9, 100, 100);
    lone.channel.close();
    expect(lone.takeCalls()).toEqual([['close']]);
    expect(lone.channel).toMatchObject({ sending: 'cut', receiving: 'stopping' });
  });
});

/** The arrows of a drawing: `from event to`. */
function drawn(text: string): string[] {
  return [...text.matchAll(/^ \* {3}\w+ ──.*$/gm)].flatMap(([line]) => {
    const [first = '', ...rest] = line.replace(/^ \* +/, '').split(' ──');
    let from = first;
    return rest.map((part) => {
      const [event = '', to = ''] = part.split('──> ');
      const arrow = `${from} ${event} ${to}`;
      from = to;
      return arrow;
    });
  });
}

/** The arrows of a table, but for those that lead back. */
function arrows(table: Readonly<Record<string, Readonly<Record<string, string | undefined>>>>): string[] {
  return Object.entries(table).flatMap(([from, row]) =>
    Object.entries(row)
      .filter(([, to]) => to !== undefined && to !== from)
      .map(([event, to]) => `${from} ${event} ${to}`),
  );
}

describe('the drawing in the comment', () => {
  const source = readFileSync(new URL('../../src/connection/channelStates.ts', import.meta.url), 'utf8');
  const [, sending = '', receiving = ''] = source.split(/^ \* (?:Sending|Receiving), .*$/m);

  it.each([
    ['sending', sending, arrows(sendingAfter)],
    ['receiving', receiving.split('*/')[0] ?? '', arrows(receivingAfter)],
  ] as const)('shows each change of %s and no other', (_name, text, table) => {
    expect(table.length).toBeGreaterThan(4);
    expect(drawn(text).sort()).toEqual([...table].sort());
  });
});
