import { ServerResponse } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { Server as TlsServer } from 'node:tls'
import { afterEarlierResponses, currentResponse, lingerAfterResponse } from '../node/server-connection.js'
import type { ServerConnection } from '../node/server-connection.js'
import { GatewayError } from '../proxy/errors.js'
import { eachField, isSame, members } from '../proxy/fields.js'
import { allowUpgrade, closeOnEnd } from '../proxy/upgrade.js'

/** A connection that Node's server has given away. */
export type UpgradeConnection = ServerConnection & { readonly server: Server }

/**
 * Makes the response for a request whose connection Node has given away, and has it served when the responses to the
 * requests before it are written. It is the connection's last, unless it is a tunnel.
 *
 * @param early what came together with the request's head
 */
export function serveUpgrade (request: IncomingMessage, connection: UpgradeConnection, early: Buffer, protocols: string, serve: (response: ServerResponse) => void): void {
  allowUpgrade(request, protocols)
  closeOnEnd(connection)
  connection.on('error', ignore)
  connection.unshift(early)
  whenWritten(connection, () => {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(connection)
    response.on('finish', () => {
      if (response.statusCode !== 101) endConnection(response, connection)
    })
    serve(response)
  })
}

/** 'close' follows, and tells whoever must know. */
function ignore (): void {}

/** As Node's server does after a response. What the client sent for a tunnel that it did not get is thrown away. */
function endConnection (response: ServerResponse, connection: UpgradeConnection): void {
  response.detachSocket(connection)
  lingerAfterResponse(connection)
  connection.destroySoon()
  response.emit('close')
}

/**
 * Gives a request that Node's server took for an upgrade back to it as an ordinary one: where anybody listens for
 * upgrades, Node lets go of the connection of each request with that field. Its body, and the requests behind it, are
 * in `rest` and on the connection still, to be read as if nothing had been.
 *
 * @param reject answers a request that cannot be given back as it was
 */
export function serveOrdinary (request: IncomingMessage, connection: UpgradeConnection, rest: Buffer, reject: (error: GatewayError) => void): void {
  connection.on('error', ignore)
  if (hasLostFields(request, connection.server)) {
    whenWritten(connection, () => reject(new GatewayError('REQUEST_HEADER_FIELDS_TOO_LARGE')))
    return
  }
  connection.unshift(rest)
  connection.unshift(headWithoutUpgrade(request))
  whenWritten(connection, () => {
    const { server } = connection
    connection.off('error', ignore)
    server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', connection)
  })
}

/**
 * Node drops the fields beyond its limit in silence. One of them may have been the body's length. Where no limit is
 * set, it is 2,000 names and values.
 */
function hasLostFields ({ rawHeaders }: IncomingMessage, { maxHeadersCount }: Server): boolean {
  const limit = maxHeadersCount === null ? 2000 : 2 * maxHeadersCount
  return limit > 0 && rawHeaders.length >= limit
}

function headWithoutUpgrade ({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  eachField(rawHeaders, (name, value) => {
    if (isSame(name, 'upgrade') || isSame(name, 'http2-settings')) return
    const kept = isSame(name, 'connection') ? members(value).filter(isNotOfUpgrade).join(', ') : value
    lines.push(`${name}: ${kept}`)
  })
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

function isNotOfUpgrade (option: string): boolean {
  return !isSame(option, 'upgrade') && !isSame(option, 'http2-settings')
}

/** Node's server still writes the responses to the requests before, but no longer tells them when the connection drains. */
function whenWritten (connection: UpgradeConnection, next: () => void): void {
  const drained = (): void => { currentResponse(connection)?.emit('drain') }
  connection.on('drain', drained)
  afterEarlierResponses(connection, () => false, () => {
    connection.off('drain', drained)
    if (connection.writable) next()
  })
}
