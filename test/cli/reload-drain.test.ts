import { once } from 'node:events'
import { connect } from 'node:http2'
import t from 'tap'
import { read } from '../fixtures/asking.js'
import { RawClient, service } from '../fixtures/peers.js'
import { download, moduleFile, serviceWithDownload, Started } from '../fixtures/started.js'
import { fixture, pem } from '../fixtures/tls.js'
import { echo, openWebSocket, webSocketService } from '../fixtures/websockets.js'

// Each of these starts several processes.
t.setTimeout(300_000)

t.test('what is under way lives on: tunnels, downloads, uploads, of more than one generation', async t => {
  const { config, release } = await serviceWithDownload(t)
  const { port: chat } = await webSocketService(t, echo)
  const { port: uploads } = await service(t, (request, response) => {
    read(request).then(body => response.end(body), () => response.destroy())
  })
  const routes = [...config.routes, { prefix: '/chat', target: `http://127.0.0.1:${chat}` }, { prefix: '/upload', target: `http://127.0.0.1:${uploads}` }]
  const gateway = new Started(t, { ...config, routes })
  const port = await gateway.listening()
  const upload = new RawClient(t, port)
  upload.send('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234')
  const tunnel = await openWebSocket(t, port, '/chat')
  const first = await download(t, port)
  await gateway.reload(1)
  const second = await download(t, port)
  await gateway.reload(2)
  await gateway.until(/"generation":3,.*"draining":2,"msg":"reloaded"/)

  tunnel.send('still here')
  t.equal(String((await once(tunnel, 'message'))[0]), 'still here')
  upload.send('56789')
  await upload.until('0123456789')
  upload.socket.end()
  release()
  await Promise.all([first.until('last'), second.until('last')])
  await gateway.until(/"generation":2,"draining":1,"msg":"drained"/)
  tunnel.send('the last of all')
  t.equal(String((await once(tunnel, 'message'))[0]), 'the last of all')
  tunnel.close()
  await gateway.until(/"generation":1,"draining":0,"msg":"drained"/)
  t.equal(await gateway.stop(), 0)
})

t.test('HTTP/2: a client hears that its session goes, what it has asked by then and before is done, the next one is new', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Started(t, { ...config, server: { http2: true, tls: { cert: fixture('localhost.pem'), key: fixture('localhost.key') } } })
  const port = await gateway.listening()
  const open = () => {
    const session = connect(`https://127.0.0.1:${port}`, { ca: pem('ca.pem') })
    t.teardown(() => session.destroy())
    return session
  }
  const session = open()
  const held = session.request({ ':path': '/held' })
  await once(held, 'data')
  // The session of Node's client closes itself when it hears of it.
  const announced = once(session, 'goaway')
  gateway.child.kill('SIGHUP')
  t.match(await announced, [0, 2 ** 31 - 1])
  const next = open().request({ ':path': '/x' })
  t.equal(String((await once(next, 'data'))[0]), 'ok')
  release()
  t.equal(String((await once(held, 'data'))[0]), 'last')
  await once(held, 'end')
  await gateway.until(/"drained"/)
  t.equal(await gateway.stop(), 0)
})

t.test('what has not ended within reloadTimeout is ended as by SIGTERM', async t => {
  const { config } = await serviceWithDownload(t)
  const gateway = new Started(t, { ...config, server: { reloadTimeout: 100, shutdownTimeout: 100 } })
  const client = await download(t, await gateway.listening())
  await gateway.reload(1)
  await client.closed
  t.notMatch(client.received, /\r\n0\r\n\r\n$/)
  await gateway.until(/"drained"/)
  t.match(gateway.output, /"reloadTimeout":100,[^]*"exchanges":1,.*broken off/)
  t.equal(await gateway.stop(), 0)
})

t.test('it can be stopped while the new ones start, and while old ones drain', async t => {
  const { config, release } = await serviceWithDownload(t)
  const gateway = new Started(t, config)
  const client = await download(t, await gateway.listening())
  await gateway.reload(1)
  gateway.child.kill('SIGHUP')
  await gateway.times(/"reloading"/, 2)
  gateway.child.kill('SIGTERM')
  await gateway.times(/shutting down/, 2)
  release()
  await client.until('last')
  t.equal(await gateway.exited, 0)
  t.notMatch(gateway.output, /died|not reloaded/)
})

t.test('of too many generations that drain the oldest makes room', async t => {
  const { config } = await serviceWithDownload(t)
  const from = (name: string): string => JSON.stringify(new URL(`../../dist/src/${name}.js`, import.meta.url))
  const runner = moduleFile(t, `
    import { readConfiguration } from ${from('cli/configuration')}
    import { Supervisor } from ${from('cli/supervisor')}
    import { createLog } from ${from('server/log')}
    const read = () => readConfiguration({})
    const supervisor = new Supervisor(read(), { workers: 1, watch: false, read, log: createLog('info'), mostDraining: 1 })
    process.on('SIGHUP', () => supervisor.reload('SIGHUP')).on('SIGTERM', () => supervisor.stop('SIGTERM'))
    supervisor.start()`)
  const gateway = new Started(t, { ...config, server: { shutdownTimeout: 100 } }, [], {}, [process.execPath, runner])
  const port = await gateway.listening()
  const oldest = await download(t, port)
  await gateway.reload(1)
  await gateway.until(/another process has taken over/)
  const other = await download(t, port)
  await gateway.reload(2)
  await gateway.until(/"generation":1,"draining":1,"msg":"too many generations drain, the oldest is ended"/)
  await oldest.closed
  t.notOk(other.ended)
  t.equal(await gateway.stop(), 0)
})
