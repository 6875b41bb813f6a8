import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { once } from 'node:events'
import { WebSocketServer } from 'ws'

/** Milliseconds between two events. */
export const TICK = 100

/** A service whose responses take as long as their clients want: events without end, and a WebSocket that echoes. */
export class LongService {
  readonly #server: Server
  #port = 0

  constructor () {
    this.#server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      let count = 0
      const timer = setInterval(() => response.write(`data: ${count++}\n\n`), TICK)
      response.on('close', () => clearInterval(timer))
      response.on('error', () => {})
    })
    new WebSocketServer({ server: this.#server }).on('connection', websocket => {
      websocket.on('error', () => {})
      websocket.on('message', data => websocket.send(data))
    })
  }

  async open (): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('not listening on a port')
    this.#port = address.port
  }

  get url (): string {
    return `http://127.0.0.1:${this.#port}`
  }

  close (): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
