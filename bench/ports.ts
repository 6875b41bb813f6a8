import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server } from 'node:net'
import { setTimeout } from 'node:timers/promises'

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

/** @param ended whether the process that should accept connections is gone */
export async function accepting (port: number, ended: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400 && !ended(); attempt++) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      await setTimeout(50)
    } finally {
      socket.destroy()
    }
  }
  throw new Error(`nothing accepts connections at port ${port}`)
}
