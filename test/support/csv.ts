/** RFC 4180, letter by letter: by nothing that the gateway uses. */
export function parsedCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell = '';
    if (text[at] === '"') {
      at += 1;
      for (; ; at += 1) {
        if (at >= text.length) throw new Error('a quote is not closed');
        if (text[at] !== '"') cell += text.charAt(at);
        else if (text[at + 1] === '"') {
          cell += '"';
          at += 1;
        } else break;
      }
      at += 1;
    } else {
      for (; at < text.length && text[at] !== ',' && text[at] !== '\r'; at += 1) {
        if (text[at] === '"' || text[at] === '\n') throw new Error(`unquoted ${JSON.stringify(text[at])}`);
        cell += text.charAt(at);
      }
    }
    row.push(cell);
    if (text[at] === ',') at += 1;
    else if (text.startsWith('\r\n', at)) {
      at += 2;
      rows.push(row);
      row = [];
    } else throw new Error(`neither a comma nor the end of a line at ${at}`);
  }
  if (row.length > 0) throw new Error('the last line has no end');
  return rows;
}

/** Rows by the names in the head. */
export function csvTable(text: string): Record<string, string>[] {
  const [head = [], ...rows] = parsedCsv(text);
  return rows.map((row) => {
    if (row.length !== head.length) throw new Error(`a row has ${row.length} cells, the head ${head.length}`);
    return Object.fromEntries(head.map((name, at) => [name, row[at] ?? '']));
  });
}
