import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { giveBack, responseOn, takeConnection, whenWritten } from '../node/given-connection.js'
import type { UpgradeConnection } from '../node/given-connection.js'
import { lingerAfterResponse } from '../node/server-connection.js'
import { GatewayError } from '../proxy/errors.js'
import { eachField, isSame, members } from '../proxy/fields.js'
import { allowUpgrade, closeOnEnd } from '../proxy/upgrade.js'

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
    const response = responseOn(connection, request)
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
  takeConnection(response, connection)
  lingerAfterResponse(connection)
  connection.destroySoon()
  response.emit('close')
}

/**
 * Gives a request that Node's server took for an upgrade back to it as an ordinary one: where anybody listens for
 * upgrades, Node lets go of the connection of each request with that field. Its body, and the requests behind it, are
 * in `rest` and on the connection still, to be read as if nothing had been.
 *
 * @param reject responds to a request that cannot be given back as it was
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
    connection.off('error', ignore)
    giveBack(connection)
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
