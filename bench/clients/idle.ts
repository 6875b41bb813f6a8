import { Client } from './client.js'

/** Connections that are being made at once: fewer than any server lets wait. */
const AT_ONCE = 100

/** Connections that each have had one response, and then ask for nothing. */
export async function openIdle (port: number, connections: number): Promise<Client[]> {
  const clients: Client[] = []
  let left = connections
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) {
      const client = await Client.open(port)
      if (await new Promise<boolean>(resolve => client.ask(resolve))) clients.push(client)
    }
  }))
  return clients
}
