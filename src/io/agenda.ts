/**
 * A queue of entries by the time when they are due.
 *
 * Owns: a heap whose entries know their place, so that each can be taken out again.
 * Must not know: clocks, what is done when an entry is due.
 */

export interface AgendaEntry {
  readonly at: number;
  /** Set by the agenda; negative while the entry is in none. */
  place: number;
}

export class Agenda<Entry extends AgendaEntry> {
  private readonly heap: Entry[] = [];

  /** The entry that is due before all others. */
  get first(): Entry | undefined {
    return this.heap[0];
  }

  get size(): number {
    return this.heap.length;
  }

  add(entry: Entry): void {
    this.heap.push(entry);
    this.moveUp(entry, this.heap.length - 1);
  }

  /** Does nothing where the entry is not in it. */
  remove(entry: Entry): void {
    const { place } = entry;
    if (place < 0) return;
    entry.place = -1;
    const last = this.heap.pop();
    if (last === undefined || last === entry) return;
    this.moveUp(last, place);
    this.moveDown(last, last.place);
  }

  private moveUp(entry: Entry, from: number): void {
    const { heap } = this;
    let place = from;
    while (place > 0) {
      const parent = heap[(place - 1) >> 1] as Entry;
      if (parent.at <= entry.at) break;
      this.put(parent, place);
      place = (place - 1) >> 1;
    }
    this.put(entry, place);
  }

  private moveDown(entry: Entry, from: number): void {
    const { heap } = this;
    let place = from;
    for (;;) {
      let least = 2 * place + 1;
      if (least >= heap.length) break;
      if (least + 1 < heap.length && (heap[least + 1] as Entry).at < (heap[least] as Entry).at) least++;
      const child = heap[least] as Entry;
      if (child.at >= entry.at) break;
      this.put(child, place);
      place = least;
    }
    this.put(entry, place);
  }

  private put(entry: Entry, place: number): void {
    this.heap[place] = entry;
    entry.place = place;
  }
}
