import { once } from 'node:events'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'
import t from 'tap'
import { before } from '../fixtures/parity.js'
import { portOf } from '../fixtures/peers.js'

// docs/parity: what most people mean by a WebSocket that begins with requests.

for (const transports of [['polling', 'websocket'], ['websocket'], ['polling']]) {
  t.test(`socket.io, by ${transports.join(' and ')}`, async t => {
    const server = createServer()
    const sockets = new Server(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(async () => await sockets.close())
    sockets.on('connection', socket => socket.on('hello', (name, reply: (text: string) => void) => reply(`hello ${name}`)))
    const { port } = await before(t, { prefix: '/', target: `http://127.0.0.1:${portOf(server)}` })
    const client = io(`http://127.0.0.1:${port}`, { transports, forceNew: true })
    t.teardown(() => { client.close() })
    t.equal(await client.emitWithAck('hello', 'world'), 'hello world')
    if (transports[1] !== undefined && client.io.engine.transport.name !== 'websocket') await new Promise(resolve => client.io.engine.once('upgrade', resolve))
    t.equal(client.io.engine.transport.name, transports.at(-1))
    t.equal(await client.emitWithAck('hello', 'again'), 'hello again')
  })
}
