import t from 'tap'
import type { Test } from 'tap'
import type { RouteOptions } from '../../src/index.js'
import { call, gatewayTo } from '../fixtures/gateway.js'
import { service } from '../fixtures/peers.js'

/** What becomes of cookies that a service sets. */
async function rewriting (t: Test, route: Partial<RouteOptions>): Promise<(...cookies: string[]) => Promise<string[] | undefined>> {
  let sent: string[] = []
  const { port: upstream } = await service(t, (_request, response) => response.writeHead(200, { 'set-cookie': sent }).end())
  const { port } = await gatewayTo(t, upstream, route)
  return async (...cookies) => {
    sent = cookies
    return (await call(port, '/api/x')).headers['set-cookie']
  }
}

// A value that looks like attributes.
const V = 'v=path=domain='

t.test('a domain, a path, both and none, and never a part of the value', async t => {
  const cookies = { domain: { 'www.example.org': 'example.com', 'gone.example': '' }, path: { '/path/': '/new/' } }
  const rewritten = await rewriting(t, { cookies })
  t.strictSame(await rewritten(
    `${V}; Domain=www.Example.org`, `${V}; Path=/path/test.html`, `${V}; Domain=.www.example.org; Path=/path/test.html`, `${V}; Domain=gone.example`, `${V}; Domain=other.example; Path=/other`, V
  ), [
    `${V}; Domain=example.com`, `${V}; Path=/new/test.html`, `${V}; Domain=example.com; Path=/new/test.html`, V, `${V}; Domain=other.example; Path=/other`, V
  ])
  const plain = await rewriting(t, {})
  t.strictSame(await plain(`${V}; Domain=www.example.org; Path=/path/test.html`), [`${V}; Domain=www.example.org; Path=/path/test.html`])
})

t.test('Secure and SameSite, whatever was there', async t => {
  for (const sameSite of ['none', 'lax', 'strict'] as const) {
    const word = { none: 'None', lax: 'Lax', strict: 'Strict' }[sameSite]
    const rewritten = await rewriting(t, { cookies: { secure: true, sameSite } })
    t.strictSame(await rewritten(`${V}; Domain=example.org`, `${V}; secure; HttpOnly; samesite=Other`), [
      `${V}; Domain=example.org; Secure; SameSite=${word}`, `${V}; secure; HttpOnly; SameSite=${word}`
    ])
  }
  const removing = await rewriting(t, { cookies: { secure: false } })
  t.strictSame(await removing(`${V}; Secure; HttpOnly`), [`${V}; HttpOnly`])
})

t.test('HttpOnly, and flags of one cookie alone, by a hook', async t => {
  const rewritten = await rewriting(t, {
    rewriteResponseHeaders: headers => {
      const cookies = [headers['set-cookie'] ?? []].flat()
      headers['set-cookie'] = cookies.map(cookie => cookie.startsWith('a=') ? `${cookie}; HttpOnly` : cookie)
    }
  })
  t.strictSame(await rewritten('a=1', 'b=2; Secure'), ['a=1; HttpOnly', 'b=2; Secure'])
})
