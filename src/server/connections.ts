import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { isIdle } from '../node/server-connection.js'

/** Milliseconds between two looks, so that an idle connection is closed after one to two of them. */
const LOOK_INTERVAL = 5_000

/** The open connections of a server, for one that ends when the last of them does. */
export class Connections {
  readonly #open = new Set<Socket>()
  #onEmpty = (): void => {}

  /** Also those that come by another listener than the server's own, which it counts among none. */
  constructor (server: Server) {
    const add = (connection: Socket): void => {
      this.#open.add(connection)
      connection.once('close', () => {
        this.#open.delete(connection)
        if (this.#open.size === 0) this.#onEmpty()
      })
    }
    // Of TLS, both that of TCP and the one on it.
    server.on('connection', add).on('secureConnection', add)
  }

  /**
   * Closes connections of HTTP/1 that are idle for a while. Resolves when none is left.
   *
   * @param timeout milliseconds after which it resolves in any case
   */
  async end (timeout: number): Promise<void> {
    const moved = new WeakMap<Socket, number>()
    const looks = setInterval(() => { for (const connection of this.#open) closeIfStill(connection, moved) }, LOOK_INTERVAL)
    await new Promise<void>(resolve => {
      const late = setTimeout(resolve, timeout)
      this.#onEmpty = () => {
        clearTimeout(late)
        resolve()
      }
      if (this.#open.size === 0) this.#onEmpty()
    })
    clearInterval(looks)
  }
}

/** @param moved bytes at the last look */
function closeIfStill (connection: Socket, moved: WeakMap<Socket, number>): void {
  const bytes = connection.bytesRead + connection.bytesWritten
  if (isIdle(connection) && moved.get(connection) === bytes) connection.destroy()
  else moved.set(connection, bytes)
}
