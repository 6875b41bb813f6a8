import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Server } from 'node:net'

/** @returns the port that it listens on */
export async function listen (server: Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1', 4096)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listens on no port')
  return address.port
}

export async function freePort (): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  server.close()
  await once(server, 'close')
  return port
}
