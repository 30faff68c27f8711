interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}
interface Place {
  readonly line: number;
  readonly column: number;
  readonly source: number;
  readonly sourceLine: number;
}
type Functions = readonly { readonly ranges: readonly Range[] }[];
export function countsAt(functions: Functions, offsets: readonly number[]): number[];
export function placesOf(mappings: string): Place[];
export function startsOf(lengths: readonly number[]): number[];
export function addScript(
  lines: Map<string, Map<number, boolean>>,
  script: {
    readonly functions: Functions;
    readonly map: { readonly mappings: string; readonly sources: readonly string[] };
    readonly starts: readonly number[];
    readonly from: number;
  },
  nameOf: (source: string) => string | undefined,
): void;
export function codeLines(source: string): Set<number>;
export function byFolder(
  lines: ReadonlyMap<string, ReadonlyMap<number, boolean>>,
  folderOf: (name: string) => string,
): { readonly folder: string; readonly all: number; readonly ran: number }[];
