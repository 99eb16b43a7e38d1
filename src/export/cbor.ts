import { encode, Token, Type } from 'cborg';
import type { CaptureToExport, ExchangeToExport } from './record.ts';
import { apertureRecord } from './record.ts';

/** What CBOR's own integers hold (RFC 8949, section 3.1). */
const LEAST = -(2n ** 64n);
const GREATEST = 2n ** 64n - 1n;

/**
 * A value as CBOR: members in their order, text as valid UTF-8, whole numbers of up to 64 bits exact and larger ones as
 * the nearest floating point number, as most decoders know no others.
 *
 * @throws RangeError where it is nested deeper than a stack.
 */
export function cborOf(value: unknown): Uint8Array {
  return encode(value, { mapSorter: inTheirOrder, typeEncoders: { bigint: wholeNumber } });
}

function inTheirOrder(): number {
  return 0;
}

/** Null: as cborg does it by itself. */
function wholeNumber(value: unknown): Token | null {
  if (typeof value !== 'bigint' || (value >= LEAST && value <= GREATEST)) return null;
  return new Token(Type.float, Number(value));
}

/**
 * A record as one item of a file. Bodies that cannot be written as values, as they are nested too deep, are written as they
 * were on the wire: nothing that anybody sent may hold up the export.
 */
export function recordItem(
  number: number,
  exchange: ExchangeToExport,
  capture: CaptureToExport | undefined,
): Uint8Array {
  try {
    return cborOf(apertureRecord(number, exchange, capture));
  } catch (error) {
    if (capture === undefined) throw error;
    return cborOf(apertureRecord(number, textArguments(exchange), rawBodies(capture)));
  }
}

function rawBodies(capture: CaptureToExport): CaptureToExport {
  const { request, response } = capture;
  return {
    ...capture,
    request: request && { json: undefined, raw: request.raw },
    response: response && { json: undefined, raw: response.raw },
  };
}

/** Arguments of tools stand in the response, and are nested as deep: they stay what they were, text. */
function textArguments(exchange: ExchangeToExport): ExchangeToExport {
  return {
    ...exchange,
    toolCalls: exchange.toolCalls.map(({ name, arguments: text }) => ({ name, arguments: JSON.stringify(text) })),
  };
}
