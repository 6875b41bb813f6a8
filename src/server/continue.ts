import type { Server } from 'node:http'
import { afterEarlierResponses } from '../node/server-connection.js'

/**
 * Has a client that expects it told to go on (RFC 9110 section 10.1.1), when it is its request's turn. Node does so at
 * once: behind another request the 100 waits together with the response and, if its body is no text, is written
 * between its head and its body, which then ends in what the client takes for the next response.
 *
 * A host that listens for these requests itself is left alone.
 */
export function continueInTurn (server: Server): void {
  if (server.listenerCount('checkContinue') > 0) return
  server.on('checkContinue', (request, response) => {
    if (server.listenerCount('checkContinue') > 1) return
    afterEarlierResponses(request.socket, current => current === response, () => {
      if (!response.headersSent) response.writeContinue()
    })
    server.emit('request', request, response)
  })
}
