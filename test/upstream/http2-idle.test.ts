import { once } from 'node:events'
import t from 'tap'
import { Http2Pool } from '../../src/upstream/http2-pool.js'
import { http2Service } from '../fixtures/http2.js'

t.test('sessions without a request are idle', async t => {
  const { port } = await http2Service(t, stream => {
    stream.respond({ ':status': 200 })
    stream.end('ok')
  })
  const pool = new Http2Pool({ protocol: 'http', host: '127.0.0.1', port, http2: true })
  t.teardown(() => { pool.close() })
  t.equal(pool.idle, 0)
  const request = pool.request({ method: 'GET', path: '/', head: ['Host', 'x'], hasBody: false, timeout: 10_000, silent: () => false, fresh: false })
  request.end()
  const [response] = await once(request, 'response')
  t.equal(pool.idle, 0)
  response.resume()
  await once(response, 'close')
  t.equal(pool.idle, 1)
})
