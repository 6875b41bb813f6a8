import { ServerResponse } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import { afterEarlierResponses, currentResponse } from './server-connection.js'
import type { ServerConnection } from './server-connection.js'

/*
 * What becomes of a connection that Node's HTTP server has given away ('upgrade'), and is documented nowhere:
 * - `assignSocket` puts a response on it, `detachSocket` takes it off again; the server does the same.
 * - Responses to the requests before (pipelining) are still written on it, but not told when it drains.
 * - The server takes it back as a new one by 'connection', and under TLS by 'secureConnection'.
 */

/** A connection that Node's server has given away. */
export type UpgradeConnection = ServerConnection & { readonly server: Server }

/** The response to the request whose connection was given away, on which it is the last one. */
export function responseOn (connection: UpgradeConnection, request: IncomingMessage): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(connection)
  return response
}

/** Takes the connection from a response. */
export function takeConnection (response: ServerResponse, connection: Socket): void {
  response.detachSocket(connection)
}

/** Calls `next` when the responses to the requests before are written, unless the connection was lost. */
export function whenWritten (connection: UpgradeConnection, next: () => void): void {
  const drained = (): void => { currentResponse(connection)?.emit('drain') }
  connection.on('drain', drained)
  afterEarlierResponses(connection, () => false, () => {
    connection.off('drain', drained)
    if (connection.writable) next()
  })
}

/** Gives the connection back to its server, which reads what stands in it as if it had just been made. */
export function giveBack (connection: UpgradeConnection): void {
  const { server } = connection
  server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', connection)
}
