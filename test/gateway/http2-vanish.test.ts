import { once } from 'node:events'
import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import t from 'tap'
import { rawService } from '../fixtures/peers.js'
import { startService } from '../fixtures/service.js'
import { fixture, pem } from '../fixtures/tls.js'

const ca = pem('ca.pem')
const tls = { cert: fixture('localhost.pem'), key: fixture('localhost.key') }
const SESSIONS = 40
const UPLOADS = 5

const WAYS: Record<string, (tcp: Socket) => void> = {
  'by a reset': tcp => { tcp.resetAndDestroy() },
  'by closing': tcp => { tcp.destroy() },
  'without a word': tcp => { tcp.pause() }
}

for (const [way, vanish] of Object.entries(WAYS)) {
  t.test(`clients that vanish ${way} after an early response, their uploads open: every exchange ends`, async t => {
    const { port: upstream, sockets } = await rawService(t, socket => {
      socket.once('data', () => socket.write('HTTP/1.1 413 x\r\nContent-Length: 5\r\n\r\nlarge'))
    })
    const { app, port, lines } = await startService(t, { http2: true, tls }, {
      target: `http://127.0.0.1:${upstream}`, timeout: 1000, cors: { origin: ['https://a.example'] }, rateLimit: { max: 100_000 }
    })
    let begun = 0
    app.server.on('request', () => { begun++ })

    const open = (): { session: ClientHttp2Session, tcp: Socket } => {
      const tcp = connectTcp(port, '127.0.0.1')
      const session = connect(`https://127.0.0.1:${port}`, {
        createConnection: () => connectTls({ socket: tcp, ca, ALPNProtocols: ['h2'], servername: 'localhost' })
      })
      session.on('error', () => {})
      tcp.on('error', () => {})
      t.teardown(() => { session.destroy() })
      return { session, tcp }
    }
    await Promise.all(Array.from({ length: SESSIONS }, async () => {
      const { session, tcp } = open()
      const heads = Array.from({ length: UPLOADS }, async () => {
        const stream = session.request({ ':path': '/api/x', ':method': 'POST', origin: 'https://a.example' })
        stream.on('error', () => {})
        stream.write('x'.repeat(1000))
        await once(stream, 'response')
      })
      await Promise.race(heads)
      vanish(tcp)
    }))

    // Hangs where one of them does not.
    const turn = async (): Promise<unknown> => await new Promise(resolve => setTimeout(resolve, 20))
    while (lines.filter(({ route }) => route !== undefined).length < begun) await turn()
    while (sockets.some(({ readableEnded, destroyed }) => !readableEnded && !destroyed)) await turn()
    // One that is silent may be a client that asks for nothing.
    if (way === 'without a word') return
    const count = promisify(app.server.getConnections.bind(app.server))
    while (await count() > 0) await turn()
  })
}
