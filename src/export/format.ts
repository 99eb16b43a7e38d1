/** How a file of the export is written: Aperture's own way, or for tools that analyse. */
export const EXPORT_FORMATS = ['cbor', 'parquet'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What a file's name ends with. */
export const SUFFIXES: Record<ExportFormat, string> = { cbor: 'cbor.zstd', parquet: 'parquet' };
