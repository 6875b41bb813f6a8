import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { afterEarlierResponses } from '../node/server-connection.js'

const kExpecting = Symbol('expecting')
const kHeld = Symbol('held')

/** Has the response by which its client is told to go on. */
type Expecting = IncomingMessage & { [kExpecting]?: ServerResponse | undefined, [kHeld]?: true }

/**
 * Has a client that expects it told to go on (RFC 9110 section 10.1.1), when it is its request's turn. Node does so at
 * once: behind another request the 100 waits together with the response and, if its body is no text, is written
 * between its head and its body, which then ends in what the client takes for the next response.
 *
 * Who asks for what is the gateway's is told by `goOn`: not before the policies have let the request pass, or an upload
 * begins that nobody wants.
 *
 * A host that listens for these requests itself is left alone.
 */
export function continueInTurn (server: Server): void {
  if (server.listenerCount('checkContinue') > 0) return
  server.on('checkContinue', (request: Expecting, response: ServerResponse) => {
    if (server.listenerCount('checkContinue') > 1) return
    request[kExpecting] = response
    server.emit('request', request, response)
    if (request[kHeld] === true) return
    afterEarlierResponses(request.socket, current => current === response, () => goOn(request))
  })
}

/** Has the client of a request wait. Called before anything else is done with it, in the turn in which it came. */
export function holdBody (request: Expecting): void {
  if (request[kExpecting] !== undefined) request[kHeld] = true
}

/** Tells the client to go on, whose turn it is. */
export function goOn (request: Expecting): void {
  const { [kExpecting]: response } = request
  if (response === undefined) return
  request[kExpecting] = undefined
  if (!response.headersSent) response.writeContinue()
}
