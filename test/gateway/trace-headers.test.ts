import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { http2Service } from '../fixtures/http2.js'
import { service } from '../fixtures/peers.js'

const HEADERS = ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'tracestate', 'congo=t61rcWkgMzE, rojo=00f067aa0ba902b7', 'baggage', 'key1=value1;p, key2 = value2']

t.test('without an SDK trace headers pass unchanged, and none are made', async t => {
  const requests: IncomingMessage[] = []
  const { port } = await service(t, (request, response) => { requests.push(request); response.end() })
  const gateway = await gatewayTo(t, port)
  await call(gateway.port, '/api/x', { headers: ['Host', 'x', ...HEADERS] })
  await call(gateway.port, '/api/x')
  const [given, none] = requests
  const raw = given?.rawHeaders ?? []
  t.strictSame(HEADERS.filter((_, nth) => nth % 2 === 0).map(name => raw[raw.indexOf(name) + 1]), HEADERS.filter((_, nth) => nth % 2 === 1))
  t.notMatch(none?.rawHeaders.join().toLowerCase(), /trace|baggage/)
})

t.test('nor over HTTP/2', async t => {
  let seen: unknown
  const { port } = await http2Service(t, (stream, headers) => { seen = headers; stream.respond(); stream.end() })
  const gateway = await gatewayTo(t, port, { http2: true })
  await call(gateway.port, '/api/x', { headers: ['Host', 'x', ...HEADERS] })
  t.match(seen, { traceparent: HEADERS[1], tracestate: HEADERS[3], baggage: HEADERS[5] })
})
