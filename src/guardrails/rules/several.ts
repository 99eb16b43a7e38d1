import type { Found, TextDetector, TextMatch } from '../detector.ts';

/**
 * Several detectors as one: of their finds the one that begins first stands, then the one of the detector named first. What
 * is covered in part is looked for again behind it.
 */
export class Several implements TextDetector {
  readonly #detectors: readonly TextDetector[];

  constructor(detectors: readonly TextDetector[]) {
    this.#detectors = detectors;
  }

  find(text: string, from: number, atEnd: boolean, open?: string): Found {
    const finds = this.#detectors.map((detector, index) => {
      return new Finds(detector, text, from, atEnd, index === 0 ? open : undefined);
    });
    const matches: TextMatch[] = [];
    let at = from;
    for (;;) {
      const settled = Math.min(...finds.map((one) => one.settled));
      const first = firstOf(finds);
      if (first === undefined || first.start >= settled || first.end > settled) {
        const open = finds[0]?.settled === settled ? finds[0].open : undefined;
        return { matches, settled: first === undefined ? settled : Math.min(settled, Math.max(at, first.start)), open };
      }
      matches.push(first);
      at = first.end;
      for (const one of finds) one.goOn(at);
    }
  }
}

function firstOf(finds: readonly Finds[]): TextMatch | undefined {
  return finds
    .map((one) => one.first)
    .filter((match) => match !== undefined)
    .reduce<TextMatch | undefined>(
      (best, match) => (best === undefined || match.start < best.start ? match : best),
      undefined,
    );
}

/** What one detector found and is not taken yet. */
class Finds {
  readonly #detector: TextDetector;
  readonly #text: string;
  readonly #atEnd: boolean;
  #found: Found;
  #next = 0;

  constructor(detector: TextDetector, text: string, from: number, atEnd: boolean, open: string | undefined) {
    this.#detector = detector;
    this.#text = text;
    this.#atEnd = atEnd;
    this.#found = detector.find(text, from, atEnd, open);
  }

  get first(): TextMatch | undefined {
    return this.#found.matches[this.#next];
  }

  get settled(): number {
    return this.#found.settled;
  }

  get open(): string | undefined {
    return this.#found.open;
  }

  goOn(at: number): void {
    while ((this.first?.end ?? Infinity) <= at) this.#next += 1;
    const first = this.first;
    if (first !== undefined && first.start < at) {
      this.#found = this.#detector.find(this.#text, at, this.#atEnd);
      this.#next = 0;
    }
    if (first === undefined && this.#found.settled < at) {
      this.#found = this.#detector.find(this.#text, at, this.#atEnd, this.#found.open);
      this.#next = 0;
    }
  }
}
