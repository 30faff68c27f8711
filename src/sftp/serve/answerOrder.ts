/**
 * Answers that leave in the order of their requests.
 *
 * Owns: which answer waits for which.
 * Must not know: what is asked and answered.
 */

/** Where an answer stands among those of its row. */
export interface Place {
  readonly row: number;
  tell: (() => void) | undefined;
}

export class AnswerOrder {
  private readonly rows = new Map<number, Place[]>();

  /** A place behind all that its row has. */
  enter(row: number): Place {
    const place: Place = { row, tell: undefined };
    const places = this.rows.get(row);
    if (places === undefined) this.rows.set(row, [place]);
    else places.push(place);
    return place;
  }

  /** Calls `tell` when every answer ahead of this one has been told. */
  tell(place: Place, tell: () => void): void {
    place.tell = tell;
    const places = this.rows.get(place.row) ?? [];
    for (let first = places[0]; first?.tell !== undefined; first = places[0]) {
      places.shift();
      first.tell();
    }
    if (places.length === 0) this.rows.delete(place.row);
  }
}
