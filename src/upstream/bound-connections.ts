import { kState } from './connection.js'
import type { Connection } from './connection.js'
import type { ClientConnection } from './pool.js'

/**
 * Idle connections on which a client has authenticated itself (NTLM, Negotiate). Each is that client's connection's
 * alone, and closed with it. They count among the pool's, which closes the oldest where it lacks one.
 */
export class BoundConnections {
  readonly #idle = new Map<ClientConnection, Connection[]>()
  readonly #watched = new WeakSet<ClientConnection>()

  get isEmpty (): boolean {
    return this.#idle.size === 0
  }

  keep (connection: Connection, client: ClientConnection): void {
    if (client.destroyed) {
      connection.destroy()
      return
    }
    if (!this.#watched.has(client)) {
      this.#watched.add(client)
      client.once('close', () => this.#closeThose(this.#idle.get(client)))
    }
    const others = this.#idle.get(client)
    if (others === undefined) this.#idle.set(client, [connection])
    else others.push(connection)
  }

  /** The client's own, the latest first: a handshake goes on where it was begun. */
  acquire (client: ClientConnection): Connection | undefined {
    const connection = this.#idle.get(client)?.at(-1)
    if (connection !== undefined) this.forget(connection)
    return connection
  }

  forget (connection: Connection): void {
    const { client } = connection[kState]
    const connections = client && this.#idle.get(client)
    if (client === undefined || connections === undefined) return
    const others = connections.filter(other => other !== connection)
    if (others.length > 0) this.#idle.set(client, others)
    else this.#idle.delete(client)
  }

  closeOldest (): void {
    const [first] = this.#idle.values()
    this.#closeThose(first?.slice(0, 1))
  }

  /** @param latest when the last of them became idle */
  closeExpired (latest: number): void {
    for (const connections of [...this.#idle.values()]) this.#closeThose(connections.filter(connection => connection[kState].idleSince <= latest))
  }

  #closeThose (connections: readonly Connection[] = []): void {
    for (const connection of [...connections]) {
      this.forget(connection)
      connection.destroy()
    }
  }
}
