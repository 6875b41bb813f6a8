import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'

/*
 * nghttp2 ends a session by itself when its client breaks the protocol (a head that cannot be decompressed, too many
 * streams that are reset): it sends GOAWAY, and from there neither reads nor writes. Node tells nobody. Its own
 * `session.close()` asks the handle, which it keeps under a symbol, whether anything is to be read or written still.
 */

/** Whether a session is over although Node takes it for open. */
export function isTerminated (session: object): boolean {
  const symbol = Object.getOwnPropertySymbols(session).find(isHandle)
  return symbol !== undefined && Reflect.get(session, symbol)?.hasPendingData?.() === false
}

function isHandle ({ description }: symbol): boolean {
  return description === 'kHandle'
}

type Written = Socket & { readonly _handle?: { readonly writeQueueSize?: number } | null }

/**
 * Whether anything is on its way to the client: frames in nghttp2, or bytes that the session gave to its connection,
 * past the socket that JavaScript sees.
 */
export function hasUnsent ({ state }: ServerHttp2Session, socket: Written): boolean {
  return Number(state.outboundQueueSize) > 0 || Number(socket._handle?.writeQueueSize) > 0
}
