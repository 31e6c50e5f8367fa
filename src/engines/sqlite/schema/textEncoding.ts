/** How a database stores text, as `PRAGMA encoding` says it. */
export type TextEncoding = 'UTF-8' | 'UTF-16le' | 'UTF-16be';

/** The same text in another encoding; undefined if it is invalid in its own, so the other could not keep it. */
export type ConvertText = (stored: Buffer) => Buffer | undefined;

export function textConverter(from: string, to: string): ConvertText {
  if (isUtf16(from) && isUtf16(to)) return swapped;
  const decoder = new TextDecoder(from === 'UTF-8' ? 'utf-8' : 'utf-16le', { fatal: true, ignoreBOM: true });
  return (stored) => {
    const little = from === 'UTF-16be' ? swapped(stored) : stored;
    if (!little || (isUtf16(from) && little.length % 2 === 1)) return undefined;
    try {
      const text = decoder.decode(little);
      const converted = Buffer.from(text, isUtf16(to) ? 'utf16le' : 'utf8');
      return to === 'UTF-16be' ? converted.swap16() : converted;
    } catch (error) {
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  };
}

function isUtf16(encoding: string): boolean {
  return encoding.startsWith('UTF-16');
}

function swapped(stored: Buffer): Buffer | undefined {
  return stored.length % 2 === 1 ? undefined : Buffer.from(stored).swap16();
}
