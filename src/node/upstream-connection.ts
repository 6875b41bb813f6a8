import { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'

/*
 * What Node's HTTP client does with a connection that its agent gives it, and documents nowhere:
 * - `ClientRequest` calls `agent.addRequest` in its constructor; the agent hands over a socket by `onSocket`.
 * - It hangs itself on the socket as `_httpMessage`, and its parser as `parser` while a response is read.
 * - It parses what the socket emits as 'data' before `emit` returns, and copies what it keeps.
 * - It emits 'free' on the socket when it needs it no more, and 'agentRemove' when it gives it to an 'upgrade' listener.
 * - `_handle.asyncReset` says to whom what happens on the socket belongs (AsyncLocalStorage).
 */

/** A socket as Node's client has it. */
export type ClientSocket = Socket & {
  parser?: object | null
  _httpMessage?: ClientRequest | null
  _handle?: { asyncReset? (resource: object): void } | null
}

/** Bytes of a response's head, whatever the upstream speaks. */
export const MAX_RESPONSE_HEAD = 65_536

/**
 * `http.request` itself: the function only makes this object. Node copies the options twice, so there are as few as
 * can be; `protocol` is not among them, as Node compares it with the agent's, which says `http:` also where it dials TLS.
 */
export function newRequest (agent: object, method: string, path: string, head: readonly string[]): ClientRequest {
  const options: object = { agent, method, path, headers: head }
  return new ClientRequest(options)
}

/** Sets what the parser of a request takes its bounds from; called by the agent, before there is a parser. */
export function boundParser (request: ClientRequest & { maxHeaderSize?: number, insecureHTTPParser?: boolean }): void {
  request.maxHeaderSize = MAX_RESPONSE_HEAD
  request.insecureHTTPParser = false
}

/**
 * What happens on the socket belongs to its present request, for AsyncLocalStorage and tracers, not to its first one.
 *
 * @param resource not the request itself: the handle holds on to what it is given, and an idle connection would keep
 * all of its last exchange alive until the next one, long enough for every collection to copy it
 */
export function resetOwner (socket: ClientSocket, resource: object): void {
  socket._handle?.asyncReset?.(resource)
}

/** Puts a request on its socket, and so sends it. */
export function sendOn (socket: ClientSocket, request: ClientRequest): void {
  request.onSocket(socket)
}

/** Whether a response is awaited or being read: bytes that come while none is would be dropped, or taken for the next one. */
export function isReading ({ parser }: ClientSocket): boolean {
  return parser != null
}

/** Has the client read what has arrived. The bytes are the caller's again when this returns. */
export function parse (socket: ClientSocket, bytes: Buffer): void {
  socket.emit('data', bytes)
}

/** As Node's own Agent does, so that the last request is not kept alive by an idle socket. */
export function forgetRequest (socket: ClientSocket): void {
  socket._httpMessage = null
}
