import t from 'tap'
import { validateOrigin } from '../../src/proxy/upgrade.js'
import { gatewayTo } from '../fixtures/gateway.js'
import { agreed, echo, rejection, webSocket, webSocketService } from '../fixtures/websockets.js'

t.test('a page of the gateway\'s own host may open a tunnel, however the host is written', async t => {
  for (const [origin, host] of [
    ['https://app.example', 'app.example'], ['https://app.example', 'App.Example'], ['HTTPS://APP.example', 'app.example'],
    ['https://app.example', 'app.example:443'], ['https://app.example:443', 'app.example'], ['http://app.example', 'app.example:80'],
    ['https://app.example', 'app.example.'], ['https://app.example.', 'app.example'], ['https://app.example.', 'app.example.:443'],
    ['http://app.example:8080', 'APP.example.:8080'], ['http://[::1]', '[::1]:80'], ['http://[::1]:8080', '[::1]:8080'], ['http://app.example', 'app.example:']
  ] as const) t.equal(validateOrigin(origin, false, host), undefined, `${origin} ${host}`)
  for (const [origin, host] of [
    ['https://app.example', 'app.example:80'], ['http://app.example', 'app.example:443'], ['https://app.example:8443', 'app.example'],
    ['https://evil.example', 'app.example'], ['https://app.example.evil', 'app.example'], ['null', 'ull'], ['app.example', 'app.example'],
    ['http://[::1]', '[::2]'], ['https://xapp.example', 'app.example']
  ] as const) {
    t.match(validateOrigin(origin, false, host), { code: 'FORBIDDEN' }, `${origin} ${host}`)
  }
})

t.test('over the wire', async t => {
  const { port: upstream } = await webSocketService(t, echo)
  const { port } = await gatewayTo(t, upstream, { cors: { origin: false } })
  const open = (origin: string, host: string): ReturnType<typeof webSocket> => webSocket(t, port, '/api/x', [], { headers: { origin, host } })
  t.ok(await agreed(open('https://app.example', 'APP.example.:443')))
  t.match(await rejection(open('https://app.example', 'app.example:80')), { status: 403 })
})
