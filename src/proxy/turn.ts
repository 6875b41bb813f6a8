import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A connection as Node's server has it, which notes on it the answer that is being written. */
export type Answering = Socket & { _httpMessage?: ServerResponse | null }

/**
 * Pipelined requests are answered in their order: calls `next` when nothing is being written, or something that
 * `isTurn` says need not be waited for.
 */
export function inTurn (connection: Answering, isTurn: (pending: ServerResponse) => boolean, next: () => void): void {
  const pending = connection._httpMessage
  if (pending == null || isTurn(pending)) next()
  else pending.once('close', () => inTurn(connection, isTurn, next))
}

/**
 * Has a client that expects it told to go on (RFC 9110 section 10.1.1), when it is its request's turn. Node does so at
 * once: behind another request the 100 waits together with the answer and, if the answer's body is no text, is written
 * between its head and its body, which then ends in what the client takes for the next answer.
 *
 * A host that listens for these requests itself is left alone.
 */
export function continueInTurn (server: Server): void {
  if (server.listenerCount('checkContinue') > 0) return
  server.on('checkContinue', (request, response) => {
    if (server.listenerCount('checkContinue') > 1) return
    inTurn(request.socket, pending => pending === response, () => {
      if (!response.headersSent) response.writeContinue()
    })
    server.emit('request', request, response)
  })
}
