import { once } from 'node:events'
import { Agent, request } from 'node:http'
import t from 'tap'
import type { Test } from 'tap'
import { askAllTheWhile, read } from '../fixtures/asking.js'
import type { Asking } from '../fixtures/asking.js'
import { call } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'
import { Started } from '../fixtures/started.js'
import { echo, openWebSocket, webSocketService } from '../fixtures/websockets.js'

// Each of these starts several processes.
t.setTimeout(300_000)

/** Under load its lines would take most of the time. */
const QUIET = { accessLog: false }

const KEPT = 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n'

/** Whatever asks for it is kept busy over ten reloads; not one request, message or byte may be lost. */
t.test('ten reloads under kept-alive, pipelined, uploading, streaming and WebSocket clients: 0 lost', async t => {
  const { port: chat } = await webSocketService(t, echo)
  const { port: upstream } = await service(t, (request, response) => {
    if (request.url === '/upload') read(request).then(body => response.end(body), () => response.destroy())
    else if (request.url === '/stream') stream(response.write.bind(response), () => response.end())
    else response.end('ok')
  })
  const target = `http://127.0.0.1:${upstream}`
  const gateway = new Started(t, { server: QUIET, routes: [{ prefix: '/', target }, { prefix: '/chat', target: `http://127.0.0.1:${chat}` }] }, ['--workers', '2'])
  const port = await gateway.listening()
  const asking: Asking = { until: false, workers: new Set(), pause: 10 }
  const kept = new Agent({ keepAlive: true, maxSockets: 4 })
  t.teardown(() => kept.destroy())
  const clients = [
    ...[kept, kept, kept, kept, false as const].map(agent => askAllTheWhile(port, agent, asking)),
    repeat(asking, () => pipelined(t, port)),
    repeat(asking, () => uploaded(port)),
    repeat(asking, () => streamed(port)),
    repeat(asking, () => chatted(t, port))
  ]
  const lasting = await openWebSocket(t, port, '/chat')
  for (let nth = 1; nth <= 10; nth++) {
    await gateway.reload(nth)
    lasting.send(String(nth))
    t.equal(String((await once(lasting, 'message'))[0]), String(nth))
  }
  asking.until = true
  const outcomes = (await Promise.all(clients)).flat()
  t.strictSame(new Set(outcomes), new Set(['200 ok']))
  t.ok(outcomes.length > 100, `of ${outcomes.length}`)
  lasting.close()
  await gateway.times(/"drained"/, 10)
  t.equal(await gateway.stop(), 0)
  t.notMatch(gateway.output, /died|broken off/)
})

const PIECES = 20

function stream (write: (piece: string) => void, end: () => void): void {
  let pieces = 0
  const timer = setInterval(() => {
    write('0123456789')
    if (++pieces < PIECES) return
    clearInterval(timer)
    end()
  }, 10)
}

async function repeat (asking: Asking, ask: () => Promise<string>): Promise<string[]> {
  const outcomes: string[] = []
  while (!asking.until) outcomes.push(await ask().catch(String))
  return outcomes
}

/** Four at once, and one more when these are there, unless they closed the connection. */
async function pipelined (t: Test, port: number): Promise<string> {
  const client = new RawClient(t, port)
  client.send(KEPT.repeat(4))
  await client.until(/(?:ok[^]*){4}/)
  if (!/connection: close/i.test(client.received)) {
    client.send(KEPT)
    await client.until(/(?:ok[^]*){5}/)
  }
  client.socket.destroy()
  return '200 ok'
}

async function uploaded (port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/upload', method: 'POST', agent: false }, response => {
      read(response).then(body => resolve(`${response.statusCode} ${body === '0123456789'.repeat(PIECES) ? 'ok' : body}`), reject)
    })
    asked.on('error', reject)
    stream(piece => asked.write(piece), () => asked.end())
  })
}

async function streamed (port: number): Promise<string> {
  const { status, body } = await call(port, '/stream')
  return `${status} ${String(body) === '0123456789'.repeat(PIECES) ? 'ok' : String(body)}`
}

async function chatted (t: Test, port: number): Promise<string> {
  const socket = await openWebSocket(t, port, '/chat')
  for (let nth = 0; nth < 5; nth++) {
    socket.send('hello')
    await once(socket, 'message')
  }
  socket.close()
  await once(socket, 'close')
  return '200 ok'
}
