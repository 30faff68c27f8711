/**
 * The bytes that all channels of a connection may hold together for their consumers.
 *
 * Owns: how much of it a channel gets, at first and as its window grows. The budget
 * keeps the smallest window for each channel that may still open, so the first
 * channels cannot take everything.
 * Must not know: channels, messages.
 */
import { type Limits, leastWindow } from '../base/limits.ts';

/** A new channel gets this part of what is not kept for others, or its whole window where that is less. */
const part = 1 / 4;

export class WindowBudget {
  private readonly limits: Limits;
  /** Negative where this side opened more channels than there was room for. */
  private left: number;
  private channels = 0;

  constructor(limits: Limits) {
    this.limits = limits;
    this.left = limits.connectionWindow;
  }

  /** Whether nothing of it is in use. */
  get isWhole(): boolean {
    return this.left === this.limits.connectionWindow;
  }

  /** Whether a channel that the peer opens gets a window. */
  get hasRoom(): boolean {
    return this.left >= this.least;
  }

  /** The window of a new channel. */
  open(): number {
    const { windowSize } = this.limits;
    this.channels++;
    const size = Math.max(this.least, Math.min(windowSize, Math.floor(this.free * part)));
    this.left -= size;
    return size;
  }

  /**
   * Lets a window grow.
   *
   * @returns how much of `wanted` it gets: half of what is free at most
   */
  grow(wanted: number): number {
    const granted = Math.max(0, Math.min(wanted, Math.floor(this.free / 2)));
    this.left -= granted;
    return granted;
  }

  /** The channel is gone; `held` bytes of its window are still somebody's, and come back by `release`. */
  close(size: number, held: number): void {
    this.channels--;
    this.left += size - held;
  }

  /** What was held of a channel that is gone was taken. */
  release(bytes: number): void {
    this.left += bytes;
  }

  private get least(): number {
    return Math.min(this.limits.windowSize, leastWindow);
  }

  /** What is not kept for channels that may still come. */
  private get free(): number {
    return this.left - this.least * Math.max(0, this.limits.channels - this.channels);
  }
}
