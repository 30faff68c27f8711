/**
 * Which lines of the sources V8 saw run, of what it says about scripts that were made of them.
 *
 * Owns: the way from ranges of a script, by its source map, to lines of sources.
 * Must not know: tests, processes, files.
 */

/** How often the code at each of some offsets ran. */
export function countsAt(functions, offsets) {
  // The innermost range that contains an offset says it; of V8's, each is within the one before or behind it.
  const ranges = functions.flatMap(({ ranges }) => ranges);
  ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const open = [];
  let next = 0;
  const counts = new Array(offsets.length);
  for (const index of [...offsets.keys()].sort((a, b) => offsets[a] - offsets[b])) {
    const offset = offsets[index];
    while (next < ranges.length && ranges[next].startOffset <= offset) open.push(ranges[next++]);
    while (open.length > 0 && open.at(-1).endOffset <= offset) open.pop();
    counts[index] = open.findLast(({ endOffset }) => endOffset > offset)?.count ?? 0;
  }
  return counts;
}

const digits = new Map(
  [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].map((digit, value) => [
    digit,
    value,
  ]),
);

/** The numbers of a segment, each in base 64 with its sign in the lowest bit. */
function numbersOf(segment) {
  const numbers = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = digits.get(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    value = 0;
    shift = 0;
  }
  return numbers;
}

/** The places of a map, in the order of the script: line and column there, index of the source, line of the source. */
export function placesOf(mappings) {
  const places = [];
  let source = 0;
  let sourceLine = 0;
  for (const [line, text] of mappings.split(';').entries()) {
    let column = 0;
    for (const segment of text.split(',')) {
      if (segment === '') continue;
      const [columns, sources, lines] = numbersOf(segment);
      column += columns;
      if (sources === undefined) continue;
      source += sources;
      sourceLine += lines;
      places.push({ line, column, source, sourceLine });
    }
  }
  return places;
}

/** Where each line begins, of lines with these lengths. */
export function startsOf(lengths) {
  const starts = [];
  let at = 0;
  for (const length of lengths) {
    starts.push(at);
    at += length + 1;
  }
  return starts;
}

/**
 * Adds what a script says to the lines of its sources.
 *
 * @param lines of each source: whether the code of a line ran
 * @param script `functions` of V8, `map`, `starts` of its lines, `from`: how many characters stand before the first line
 * @param nameOf the source of a map, undefined for one that does not count
 */
export function addScript(lines, { functions, map, starts, from }, nameOf) {
  const places = placesOf(map.mappings);
  const names = map.sources.map(nameOf);
  const counts = countsAt(
    functions,
    places.map(({ line, column }) => from + (starts[line] ?? Number.POSITIVE_INFINITY) + column),
  );
  for (const [index, { source, sourceLine }] of places.entries()) {
    const name = names[source];
    if (name === undefined) continue;
    const ofSource = lines.get(name) ?? new Map();
    lines.set(name, ofSource);
    ofSource.set(sourceLine, (ofSource.get(sourceLine) ?? false) || counts[index] > 0);
  }
}

/**
 * The lines of a source, from 0, that can run: no brackets alone and no imports, of
 * which one compiler makes code and another does not.
 */
export function codeLines(source) {
  // As many line ends as before, so that lines keep their numbers.
  const text = source.replaceAll(/^import\b[^;]*;$/gm, (found) => found.replaceAll(/[^\n]/g, ''));
  const lines = text.split('\n');
  return new Set([...lines.keys()].filter((line) => /[^\s{}()[\];,]/.test(lines[line])));
}

/** A row for each folder: lines with code, and those of them that ran. */
export function byFolder(lines, folderOf) {
  const rows = new Map();
  for (const [name, ofSource] of lines) {
    const folder = folderOf(name);
    const row = rows.get(folder) ?? { folder, all: 0, ran: 0 };
    rows.set(folder, row);
    row.all += ofSource.size;
    row.ran += [...ofSource.values()].filter(Boolean).length;
  }
  return [...rows.values()].sort((a, b) => (a.folder < b.folder ? -1 : 1));
}
