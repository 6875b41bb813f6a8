import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { defer, enterExchange, isBusy, leaveExchange } from '../../src/node/loop-turn.js'
import { rawService } from '../fixtures/peers.js'

t.test('setImmediate', async t => {
  const told: string[] = []
  let over = (): void => {}
  const ended = new Promise<void>(resolve => { over = resolve })
  const { port, sockets } = await rawService(t, socket => {
    socket.on('data', chunk => {
      told.push(String(chunk))
      defer({
        endOfTurn () {
          told.push(`end ${String(chunk)}`)
          if (String(chunk) === '4') over()
        }
      })
    })
  })
  const clients = ['1', '2', '3', '4'].map(name => ({ name, socket: connect({ port, host: '127.0.0.1', noDelay: true }) }))
  t.teardown(() => { for (const { socket } of clients) socket.destroy() })
  await Promise.all(clients.map(async ({ socket }) => await once(socket, 'connect')))
  while (sockets.length < clients.length) await new Promise(resolve => setImmediate(resolve))
  // All have arrived when the loop looks again.
  for (const { name, socket } of clients) socket.write(name)
  await ended
  t.strictSame(told.slice(0, 4).toSorted(), ['1', '2', '3', '4'], 'all that has arrived is handed over before what setImmediate was given')
  t.strictSame(told.slice(4), told.slice(0, 4).map(name => `end ${name}`), 'then all that was deferred is done, in its order')
})

t.test('busy from eight exchanges on', async t => {
  for (let i = 0; i < 7; i++) enterExchange()
  t.notOk(isBusy())
  enterExchange()
  t.ok(isBusy())
  for (let i = 0; i < 8; i++) leaveExchange()
  t.notOk(isBusy())
})
