/**
 * The states of the two directions of a channel.
 *
 * Owns: RFC 4254 §5.3: what each side may still say after EOF and after CLOSE.
 * Must not know: messages, windows, queues.
 *
 * Sending, from this side to the peer:
 *
 *   open ──eof──> ending ──eofSent──> ended ──close──> closed
 *   open ──close──> cut
 *   ending ──close──> cut
 *
 * Receiving, from the peer to this side:
 *
 *   open ──eof──> ended ──close──> closed
 *   open ──close──> cut
 *   open ──abandon──> unwanted ──eof──> ended
 *   unwanted ──close──> cut
 *   unwanted ──stop──> stopping ──close──> stopped
 *   open ──stop──> stopping ──eof──> ended
 *
 * The two meet in CLOSE. Each side sends it exactly once and says nothing after it:
 * a CLOSE of the peer is answered with one, and a CLOSE of this side stops what is
 * received. When both have passed, the channel is gone and its number is free.
 */

/** From this side to the peer. */
export type Sending =
  /** Data may be written. */
  | 'open'
  /** EOF goes out behind the data that waits. */
  | 'ending'
  /** EOF was sent. */
  | 'ended'
  /** CLOSE was sent behind EOF. */
  | 'closed'
  /** CLOSE was sent without EOF, or the channel never opened. */
  | 'cut';

/** What happens to the direction from this side to the peer. */
export type SendingEvent =
  /** The user has written all. */
  | 'eof'
  /** EOF went out behind the last of the data. */
  | 'eofSent'
  /** CLOSE went out, or the channel is gone without one. */
  | 'close';

/** From the peer to this side. */
export type Receiving =
  /** What comes is kept until it is taken. */
  | 'open'
  /** Nobody reads it: what comes is dropped. */
  | 'unwanted'
  /** This side closed first, or closes once the channel is open: what comes is dropped. */
  | 'stopping'
  /** The same, and the CLOSE of the peer came. */
  | 'stopped'
  /** EOF came. */
  | 'ended'
  /** CLOSE came behind EOF. */
  | 'closed'
  /** CLOSE came without EOF, or the channel never opened. */
  | 'cut';

/** What this side does to the direction from the peer. */
export type ReceivingStep =
  /** Nobody here reads it any more. */
  | 'abandon'
  /** This side closes the channel. */
  | 'stop';

/** What the peer says in its direction. */
export type ReceivingEvent =
  /** CHANNEL_DATA or CHANNEL_EXTENDED_DATA came. */
  | 'data'
  /** CHANNEL_EOF came. */
  | 'eof'
  /** CHANNEL_CLOSE came, or the channel is gone without one. */
  | 'close';

/** The state after each event; an event that changes nothing leads back. */
export const sendingAfter: Readonly<Record<Sending, Readonly<Record<SendingEvent, Sending>>>> = {
  open: { eof: 'ending', eofSent: 'open', close: 'cut' },
  ending: { eof: 'ending', eofSent: 'ended', close: 'cut' },
  ended: { eof: 'ended', eofSent: 'ended', close: 'closed' },
  closed: { eof: 'closed', eofSent: 'closed', close: 'closed' },
  cut: { eof: 'cut', eofSent: 'cut', close: 'cut' },
};

/** As `sendingAfter`; undefined where the peer breaks the rules by it. */
export const receivingAfter: Readonly<
  Record<
    Receiving,
    Readonly<Record<ReceivingStep, Receiving> & Record<ReceivingEvent, Receiving | undefined>>
  >
> = {
  open: { abandon: 'unwanted', stop: 'stopping', data: 'open', eof: 'ended', close: 'cut' },
  unwanted: { abandon: 'unwanted', stop: 'stopping', data: 'unwanted', eof: 'ended', close: 'cut' },
  stopping: { abandon: 'stopping', stop: 'stopping', data: 'stopping', eof: 'ended', close: 'stopped' },
  stopped: { abandon: 'stopped', stop: 'stopped', data: undefined, eof: undefined, close: undefined },
  ended: { abandon: 'ended', stop: 'ended', data: undefined, eof: 'ended', close: 'closed' },
  closed: { abandon: 'closed', stop: 'closed', data: undefined, eof: undefined, close: undefined },
  cut: { abandon: 'cut', stop: 'cut', data: undefined, eof: undefined, close: undefined },
};
