import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'

const responses = new WeakMap<IncomingMessage, ServerResponse>()

/** A response on a connection whose requests are counted: Node tells which request is one too many, not which response. */
export class CountedResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  /** @param args what Node gives beside the request, which its types leave out */
  constructor (...args: ConstructorParameters<typeof ServerResponse<Request>>) {
    super(...args)
    responses.set(args[0], this)
  }
}

/** Has Node write nothing for a request that is responded to past it. */
export function muteResponse (request: IncomingMessage): void {
  const response = responses.get(request)
  if (response !== undefined) Object.assign(response, { writeHead: () => response, end: () => response })
}
