/** Says of bytes as they come whether the speaker ends its turn with them. */
type TurnEnds = (bytes: Buffer) => boolean;

/**
 * Follows what a client sends in PostgreSQL's protocol, version 3, without encryption: it ends its turn with a message
 * that the server answers.
 */
export function clientTurnEnds(): TurnEnds {
  const answered = new Set(['startup', 'Q', 'S', 'F', 'p']);
  return followMessages({ startup: true }, (type) => answered.has(type));
}

/** Follows what a server sends: it ends its turn with ReadyForQuery, or when it asks for proof of who the client is. */
export function serverTurnEnds(): TurnEnds {
  const authenticationOk = 0;
  const authenticationSaslFinal = 12;
  return followMessages({ startup: false }, (type, body) => {
    if (type !== 'R') return type === 'Z';
    return ![authenticationOk, authenticationSaslFinal].includes(body.readUInt32BE(0));
  });
}

/** `startup`: the first message has no type. */
function followMessages(
  { startup }: { startup: boolean },
  endsTurn: (type: string, body: Buffer) => boolean,
): TurnEnds {
  let rest = Buffer.alloc(0);
  let untyped = startup;
  return (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    let ended = false;
    for (;;) {
      const typeLength = untyped ? 0 : 1;
      if (rest.length < typeLength + 4) break;
      const end = typeLength + rest.readUInt32BE(typeLength);
      if (rest.length < end) break;
      const type = untyped ? 'startup' : String.fromCharCode(rest[0] ?? 0);
      ended = endsTurn(type, rest.subarray(typeLength + 4, end));
      untyped = false;
      rest = rest.subarray(end);
    }
    return ended && rest.length === 0;
  };
}
