import type { IncomingMessage } from 'node:http'
import type { ServerConnection } from './server-connection.js'

/*
 * Node's parser also reads the request lines of RTSP and of Icecast, `GET /x RTSP/1.0`, and tells nobody: the request
 * looks like one of HTTP/1.0. What gives it away is `parser.getCurrentBuffer()`: a copy of the bytes that are being
 * parsed, for as long as `request` is emitted.
 */

const FOREIGN = /^ +(?:RTSP|ICE)\//

const kForeign = Symbol('foreign')

type Arriving = IncomingMessage & { [kForeign]?: true }
type ArrivingConnection = ServerConnection & { parser?: { getCurrentBuffer? (): Buffer } | null, [kForeign]?: true }

/** Notes on a request that it is none of HTTP. Called while `request` is emitted. */
export function noteForeign (request: Arriving): void {
  if (request.httpVersionMinor !== 0 || request.httpVersionMajor !== 1) return
  const connection: ArrivingConnection = request.socket
  // The response to the first one in HTTP/1.0 is the connection's last. A copy for each of a thousand would be dear.
  if (connection[kForeign] === true) return
  connection[kForeign] = true
  const bytes = connection.parser?.getCurrentBuffer?.().toString('latin1') ?? ''
  const line = `${request.method} ${request.url}`
  const start = bytes.indexOf(line)
  // A line that came in pieces is gone by now.
  if (start !== -1 && FOREIGN.test(bytes.slice(start + line.length, start + line.length + 16))) request[kForeign] = true
}

/** Whether a request of HTTP/1 is none, as far as that can be told. */
export function isForeign (request: Arriving): boolean {
  return request[kForeign] === true
}
