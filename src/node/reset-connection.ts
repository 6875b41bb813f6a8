import type { Socket } from 'node:net'

/*
 * Node resets connections of TCP alone (`resetAndDestroy`), and throws for others: those of a server on a path, and
 * those that carry TLS. Under a connection with TLS that a server accepted is the one of TCP, as `_parent`.
 */

type Accepted = Socket & { readonly _parent?: Socket | null }

/**
 * Resets a connection that a server accepted, also one with TLS: many clients take the end of its TCP for the end of
 * TLS (`SSL_OP_IGNORE_UNEXPECTED_EOF`, Node's own among them).
 *
 * @returns whether it could be
 */
export function resetConnection (connection: Accepted): boolean {
  const { _parent: below } = connection
  const tcp = below ?? connection
  if (tcp.remoteFamily === undefined) return false
  tcp.resetAndDestroy()
  return true
}
