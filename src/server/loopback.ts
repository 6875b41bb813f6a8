import { createServer as createNetServer } from 'node:net'
import type { AddressInfo, ListenOptions, Server as NetServer } from 'node:net'
import { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'

/**
 * Fastify listens on `localhost` where it is told no address, and Node on the first of a name's addresses alone. For
 * the other one Fastify would make a second server, with nothing of what is set on the first: limits, listeners,
 * certificates. Here one server has the connections of both.
 */
export function listenOnBothLoopbacks (fastify: FastifyInstance): void {
  const { server, log } = fastify
  const { listen, close } = server
  const others: NetServer[] = []

  Object.assign(server, {
    listen (options: ListenOptions) {
      if (options.host === 'localhost') server.once('listening', listenOnOther)
      return listen.call(server, options)
    },
    close (done?: (error?: Error) => void) {
      for (const other of others) other.close()
      return close.call(server, done)
    }
  })

  function listenOnOther (): void {
    for (const { address, port } of fastify.addresses().filter(isAddress)) {
      const host = address === '::1' ? '127.0.0.1' : '::1'
      const other = createNetServer({ allowHalfOpen: !(server instanceof TlsServer), noDelay: true }, socket => server.emit('connection', socket))
      other.maxConnections = server.maxConnections
      other.on('drop', data => server.emit('drop', data))
      // The port is another's there, or the machine has no IPv6.
      other.on('error', ({ message }) => log.info(`not listening at both loopback addresses: ${message}`))
      other.listen({ host, port }, () => log.info(`Server listening at ${host} port ${port}, too`))
      // The first one keeps the process alive.
      other.unref()
      others.push(other)
    }
  }
}

function isAddress (address: AddressInfo | string): address is AddressInfo {
  return typeof address === 'object'
}
