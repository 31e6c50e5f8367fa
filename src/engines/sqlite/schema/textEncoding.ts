/** Text as a database stores it; encodings are as `PRAGMA encoding` says them. */
export function encodeText(text: string, encoding: string): Buffer {
  if (encoding === 'UTF-8') return Buffer.from(text);
  const little = Buffer.from(text, 'utf16le');
  return encoding === 'UTF-16be' ? little.swap16() : little;
}

/** What gives the text of stored bytes; undefined for those that are not valid. */
export function textDecoder(encoding: string): (stored: Uint8Array) => string | undefined {
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  return (stored) => {
    if (isUtf16(encoding) && stored.length % 2 === 1) return undefined;
    try {
      return decoder.decode(stored);
    } catch {
      return undefined;
    }
  };
}

/** The same text in another encoding; undefined if it is invalid in its own, so the other could not keep it. */
export type ConvertText = (stored: Uint8Array) => Buffer | undefined;

export function textConverter(from: string, to: string): ConvertText {
  const decode = textDecoder(from);
  return (stored) => {
    if (isUtf16(from) && isUtf16(to))
      return stored.length % 2 === 1 ? undefined : Buffer.from(stored).swap16();
    const text = decode(stored);
    return text === undefined ? undefined : encodeText(text, to);
  };
}

function isUtf16(encoding: string): boolean {
  return encoding.startsWith('UTF-16');
}
